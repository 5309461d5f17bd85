// The functions of Client.
#pragma once

#include <syncopate/blocking_operations.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/error.hpp>
#include <syncopate/http/client_call.hpp>
#include <syncopate/http/client_cookies.hpp>
#include <syncopate/http/client_response.hpp>
#include <syncopate/http/client_stream.hpp>
#include <syncopate/http/client_websocket.hpp>
#include <syncopate/http/detail/client/client_core.hpp>
#include <syncopate/http/detail/client/client_tasks.hpp>
#include <syncopate/http/detail/client/download.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/download_options.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/server_sent_event.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/http/websocket_request.hpp>
#include <syncopate/runner_base.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

namespace detail {

template <Task T>
task_result_t<T> run_on(ClientCore& core, T&& task, ClientCall const& where) {
    if (!where.stop().stop_possible())
        return core.runner().run(std::forward<T>(task), where);
    return core.runner().run(std::forward<T>(task), where.stop(), where);
}

SYNCOPATE_DECL Batch::Outcomes run_batch(
    ClientCore& core,
    std::vector<Request> requests,
    std::size_t max_concurrency,
    AfterFailure after_failure,
    SendingFunction way,
    ClientCall const& where) {
    auto fetch = [&] {
        return fetch_all(core.session(), std::move(requests), max_concurrency, after_failure, way);
    };
    return run_on(core, fetch, where);
}

}  // namespace detail

template <class Socket>
BasicClientWebSocket<Socket> Client::websocket(WebSocketRequest request, Where where) {
    static_assert(requires { sizeof(Socket); }, "needs <syncopate/http/websocket.hpp>");
    auto& core = open();
    // Only what uses this member knows the type of what it awaits.
    auto const connect = [&](auto& session) { return session.websocket(std::move(request)); };
    auto socket = detail::run_on(core, [&] { return connect(core.session()); }, where);
    return {{core_, &core.runner()}, std::move(socket)};
}

SYNCOPATE_DECL Client::Client(SessionOptions options)
    : core_(std::make_shared<detail::ClientCore>(std::move(options))) {}

SYNCOPATE_DECL Client::Client() : core_(std::make_shared<detail::ClientCore>()) {}

SYNCOPATE_DECL Client::Client(RunnerBase& runner)
    : core_(std::make_shared<detail::ClientCore>(runner)) {}

SYNCOPATE_DECL Client::Client(RunnerBase& runner, SessionOptions options)
    : core_(std::make_shared<detail::ClientCore>(runner, std::move(options))) {}

SYNCOPATE_DECL Client& Client::operator=(Client&& other) noexcept {
    Client taken(std::move(other));
    core_.swap(taken.core_);
    return *this;
}

SYNCOPATE_DECL Client::~Client() {
    try {
        close();
    } catch (std::exception const&) {  // NOLINT(bugprone-empty-catch)
        // The destructors of the session and of the runner see to the rest, and report it.
    }
}

SYNCOPATE_DECL ClientResponse Client::request(Request request, Where where) {
    return fetch(std::move(request), &ClientSession::request, where);
}

SYNCOPATE_DECL ClientResponse Client::get(std::string url, Where where) {
    return send(Request(Verb::get, std::move(url)), where);
}

SYNCOPATE_DECL ClientResponse Client::head(std::string url, Where where) {
    return send(Request(Verb::head, std::move(url)), where);
}

SYNCOPATE_DECL ClientResponse Client::options(std::string url, Where where) {
    return send(Request(Verb::options, std::move(url)), where);
}

SYNCOPATE_DECL ClientResponse Client::del(std::string url, Where where) {
    return send(Request(Verb::delete_, std::move(url)), where);
}

SYNCOPATE_DECL ClientResponse Client::post(std::string url, std::string body, Where where) {
    return send(Verb::post, std::move(url), std::move(body), where);
}

SYNCOPATE_DECL ClientResponse Client::put(std::string url, std::string body, Where where) {
    return send(Verb::put, std::move(url), std::move(body), where);
}

SYNCOPATE_DECL ClientResponse Client::patch(std::string url, std::string body, Where where) {
    return send(Verb::patch, std::move(url), std::move(body), where);
}

SYNCOPATE_DECL std::vector<ClientResponse> Client::send_all(
    std::vector<Request> requests, std::size_t max_concurrency, Where where) {
    std::vector<ClientResponse> responses;
    responses.reserve(requests.size());
    for (auto& outcome : detail::run_batch(
             open(), std::move(requests), max_concurrency, detail::AfterFailure::stop,
             &ClientSession::request, where))
        responses.push_back(outcome.take());
    return responses;
}

SYNCOPATE_DECL std::vector<ClientOutcome> Client::send_each(
    std::vector<Request> requests, std::size_t max_concurrency, Where where) {
    std::vector<ClientOutcome> results;
    results.reserve(requests.size());
    for (auto& outcome : detail::run_batch(
             open(), std::move(requests), max_concurrency, detail::AfterFailure::go_on,
             &ClientSession::request, where)) {
        if (outcome.error())
            results.emplace_back(outcome.error());
        else
            results.emplace_back(outcome.take());
    }
    return results;
}

SYNCOPATE_DECL std::vector<ClientResponse> Client::get_all(
    std::vector<std::string> urls, std::size_t max_concurrency, Where where) {
    return send_all(requests_for(std::move(urls)), max_concurrency, where);
}

SYNCOPATE_DECL std::vector<ClientOutcome> Client::get_each(
    std::vector<std::string> urls, std::size_t max_concurrency, Where where) {
    return send_each(requests_for(std::move(urls)), max_concurrency, where);
}

SYNCOPATE_DECL std::vector<ClientOutcome> Client::get_all_settled(
    std::vector<std::string> urls, std::size_t max_concurrency, Where where) {
    return get_each(std::move(urls), max_concurrency, where);
}

SYNCOPATE_DECL ClientStream Client::stream(Request request, Where where) {
    auto& core = open();
    if (!core.has_total_timeout() && !detail::RequestAccess::parts(request).settings().timeout)
        request.timeout(std::chrono::nanoseconds::zero());
    auto response =
        core.runner().wrap_context(core.session().request(std::move(request)), where.stop(), where);
    return {{core_, &core.runner()}, std::move(response), core.max_line_size()};
}

SYNCOPATE_DECL ClientStream Client::stream(std::string url, Where where) {
    return stream(Request(Verb::get, std::move(url)), where);
}

SYNCOPATE_DECL BlockingRange<ServerSentEvent> Client::events(Request request, Where where) {
    auto& core = open();
    return core.runner().wrap_iter(core.session().events(std::move(request)), where.stop(), where);
}

SYNCOPATE_DECL BlockingRange<ServerSentEvent> Client::events(std::string url, Where where) {
    return events(Request(Verb::get, std::move(url)), where);
}

SYNCOPATE_DECL void Client::download(
    Request request, std::filesystem::path path, DownloadOptions options, Where where) {
    auto& core = open();
    detail::Download download(
        std::move(request), std::move(path), std::move(options), core.retries());
    while (!download.is_complete()) {
        auto stream = this->stream(download.next_request(), where);
        download.receive(stream, where.stop());
        stream.close();
        if (download.pause().count() > 0)
            detail::run_on(core, detail::pause(download.pause()), where);
    }
    download.commit();
}

SYNCOPATE_DECL void Client::download(
    std::string url, std::filesystem::path path, DownloadOptions options, Where where) {
    download(Request(Verb::get, std::move(url)), std::move(path), std::move(options), where);
}

SYNCOPATE_DECL void Client::download(
    Request request, std::filesystem::path path, ProgressFunction progress, Where where) {
    download(
        std::move(request), std::move(path), DownloadOptions().progress(std::move(progress)),
        where);
}

SYNCOPATE_DECL void Client::download(
    std::string url, std::filesystem::path path, ProgressFunction progress, Where where) {
    download(Request(Verb::get, std::move(url)), std::move(path), std::move(progress), where);
}

SYNCOPATE_DECL std::vector<ClientResponse> Client::get_all(
    std::vector<std::string> urls, std::stop_token stop, std::source_location place) {
    return get_all(std::move(urls), default_concurrency, {std::move(stop), place});
}

SYNCOPATE_DECL std::vector<ClientOutcome> Client::get_all_settled(
    std::vector<std::string> urls, std::stop_token stop, std::source_location place) {
    return get_all_settled(std::move(urls), default_concurrency, {std::move(stop), place});
}

SYNCOPATE_DECL std::vector<ClientOutcome> Client::get_each(
    std::vector<std::string> urls, std::stop_token stop, std::source_location place) {
    return get_each(std::move(urls), default_concurrency, {std::move(stop), place});
}

SYNCOPATE_DECL ClientCookies Client::cookies() {
    open();
    return ClientCookies(core_);
}

SYNCOPATE_DECL void Client::close() {
    if (core_)
        core_->close();
}

SYNCOPATE_DECL detail::ClientCore& Client::open() {
    if (!core_)
        throw std::system_error(
            make_error_code(::syncopate::Errc::runner_closed),
            "http::Client: it has been moved from");
    core_->require_open();
    return *core_;
}

SYNCOPATE_DECL ClientResponse Client::fetch(Request request, Way way, Where where) {
    auto& core = open();
    auto fetch = [&] { return detail::fetch_whole(core.session(), std::move(request), way); };
    return detail::run_on(core, fetch, where);
}

SYNCOPATE_DECL ClientResponse Client::send(Request request, Where where) {
    return fetch(std::move(request), &ClientSession::send, where);
}

SYNCOPATE_DECL ClientResponse
Client::send(Verb method, std::string url, std::string body, Where where) {
    Request made(method, std::move(url));
    made.body(std::move(body));
    return send(std::move(made), where);
}

SYNCOPATE_DECL std::vector<Request> Client::requests_for(std::vector<std::string> urls) {
    std::vector<Request> requests;
    requests.reserve(urls.size());
    for (auto& url : urls)
        requests.emplace_back(Verb::get, std::move(url));
    return requests;
}

}  // namespace syncopate::inline v0_1::http
