// The blocking facade: HTTP for synchronous programs.
#pragma once

#include <syncopate/error.hpp>
#include <syncopate/http/client_response.hpp>
#include <syncopate/http/client_stream.hpp>
#include <syncopate/http/detail/client/client_tasks.hpp>
#include <syncopate/http/detail/client/download_file.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/thread_runner.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::http {

namespace detail {

/// The session of a client, and the loop on which it lives. Also owned by the client's streams.
class ClientCore {
public:
    explicit ClientCore(SessionOptions options)
        : own_runner_(std::in_place, Options().name("http::Client")), runner_(*own_runner_),
          max_line_size_(options.max_line_size()), session_(std::move(options)) {}
    ClientCore(RunnerBase& runner, SessionOptions options)
        : runner_(runner), max_line_size_(options.max_line_size()), session_(std::move(options)) {}

    RunnerBase& runner() noexcept { return runner_; }
    ClientSession& session() noexcept { return session_; }
    std::size_t max_line_size() const noexcept { return max_line_size_; }

    /// Before each use.
    void require_open() {
        auto state = state_.load(std::memory_order_relaxed);
        if (state == State::unused)
            state_.compare_exchange_strong(state, State::used);
        if (state == State::closed)
            throw std::system_error(
                make_error_code(::syncopate::Errc::runner_closed), "http::Client");
    }

    void close() {
        // Who has not been used has no thread yet.
        if (state_.exchange(State::closed) == State::used)
            leave_session();
        if (own_runner_)
            own_runner_->close();
    }

private:
    enum class State { unused, used, closed };

    void leave_session() {
        try {
            runner_.run([this] { return session_.aexit(nullptr); });
        } catch (std::system_error const& error) {
            // A runner that has been closed before has ended what the session had under way.
            if (error.code() != ::syncopate::Errc::runner_closed)
                throw;
        }
    }

    std::optional<ThreadRunner> own_runner_;
    RunnerBase& runner_;
    std::size_t const max_line_size_;
    std::atomic<State> state_{State::unused};
    ClientSession session_;
};

}  // namespace detail

/// Sends requests, waits for the responses, and keeps the connections in between. One for a whole program:
/// each that is made begins without connections.
///
/// ```cpp
/// http::Client client;
/// std::string const page = client.get("https://example.org/").raise_for_status().text();
/// client.download("https://example.org/large", "large.bin");
/// ```
///
/// A response comes as a whole, by one hop to the loop: at most SessionOptions::max_body_size, or
/// Errc::body_too_large. What is larger comes by stream() or download().
///
/// Errors common to all requests: std::system_error with http::Errc and a message that names the server. The
/// status is none of them: see raise_for_status(). syncopate::Errc::runner_closed of a client that has been
/// closed or moved from; DeadlockError on the thread of its loop, where hooks and callbacks of requests run.
/// A request is given up after its Request::timeout(), or SessionOptions::total_timeout.
///
/// `where` is the call site, for messages: leave it to its default.
///
/// Threads:   all members from any thread, any number at once; but only one may move or destroy it. It may
///            have static storage: its thread starts with the first request, and ends with the object. With a
///            Runner, that runner's rule holds: one at a time.
/// Semantics: requests.Session.
class Client {
public:
    /// Where a call is made: the file and the line, for messages.
    using Where = std::source_location;

    /// On a loop and a thread of its own.
    ///
    /// Throws:    Errc::invalid_request, Errc::invalid_url, std::system_error for options that cannot work.
    explicit Client(SessionOptions options = {})
        : core_(std::make_shared<detail::ClientCore>(std::move(options))) {}

    /// On the loop of a ThreadRunner, a Runner or a BlockingPortal.
    ///
    /// runner:    must outlive the client and its streams. It is not closed with them.
    explicit Client(RunnerBase& runner, SessionOptions options = {})
        : core_(std::make_shared<detail::ClientCore>(runner, std::move(options))) {}

    Client(Client&&) noexcept = default;
    Client& operator=(Client&& other) noexcept {
        Client taken(std::move(other));
        core_.swap(taken.core_);
        return *this;
    }

    /// Closes the client, as close() does. What that throws is dropped.
    ///
    /// Blocks:    as close(), but however long it takes.
    ~Client() {
        try {
            close();
        } catch (std::exception const&) {  // NOLINT(bugprone-empty-catch)
            // The destructors of the session and of the runner see to the rest, and report it.
        }
    }

    /// Sends a request, and waits for the whole response.
    ///
    /// Blocks:    until the body has come, or the request has failed.
    ClientResponse request(Request request, Where where = Where::current()) {
        auto& core = open();
        auto fetch = [&] { return detail::fetch_whole(core.session(), std::move(request)); };
        return core.runner().run(fetch, where);
    }

    /// GETs a URL: request(), without more than the URL.
    ClientResponse get(std::string url, Where where = Where::current()) {
        return request(Request(Verb::get, std::move(url)), where);
    }
    /// The same, by HEAD.
    ClientResponse head(std::string url, Where where = Where::current()) {
        return request(Request(Verb::head, std::move(url)), where);
    }
    /// The same, by OPTIONS.
    ClientResponse options(std::string url, Where where = Where::current()) {
        return request(Request(Verb::options, std::move(url)), where);
    }
    /// The same, by DELETE.
    ClientResponse del(std::string url, Where where = Where::current()) {
        return request(Request(Verb::delete_, std::move(url)), where);
    }
    /// POSTs a body to a URL.
    ClientResponse post(std::string url, std::string body, Where where = Where::current()) {
        return send(Verb::post, std::move(url), std::move(body), where);
    }
    /// The same, by PUT.
    ClientResponse put(std::string url, std::string body, Where where = Where::current()) {
        return send(Verb::put, std::move(url), std::move(body), where);
    }
    /// The same, by PATCH.
    ClientResponse patch(std::string url, std::string body, Where where = Where::current()) {
        return send(Verb::patch, std::move(url), std::move(body), where);
    }

    /// GETs many URLs, in one hop, several at a time.
    ///
    /// max_concurrency: how many requests are under way at most, 1 or more. SessionOptions::max_connections is
    ///            a limit, too.
    /// Returns:   the responses, whole, in the order of the URLs.
    /// Throws:    what the first request to fail throws: the others are then given up.
    std::vector<ClientResponse> get_all(
        std::vector<std::string> urls,
        std::size_t max_concurrency = 16,
        Where where = Where::current()) {
        std::vector<ClientResponse> responses;
        responses.reserve(urls.size());
        for (auto& outcome : fetch_all(std::move(urls), max_concurrency, AfterFailure::stop, where))
            responses.push_back(outcome.take());
        return responses;
    }

    /// The same, where the failure of one request does not concern the others.
    ///
    /// Returns:   for each URL, in that order, its response or its error.
    std::vector<ClientOutcome> get_each(
        std::vector<std::string> urls,
        std::size_t max_concurrency = 16,
        Where where = Where::current()) {
        std::vector<ClientOutcome> results;
        results.reserve(urls.size());
        for (auto& outcome :
             fetch_all(std::move(urls), max_concurrency, AfterFailure::go_on, where)) {
            if (outcome.error())
                results.emplace_back(outcome.error());
            else
                results.emplace_back(outcome.take());
        }
        return results;
    }

    /// Sends a request, and gives the response piece by piece.
    ///
    /// Blocks:    until the header has come.
    [[nodiscard]] ClientStream stream(Request request, Where where = Where::current()) {
        auto& core = open();
        auto response =
            core.runner().wrap_context(core.session().request(std::move(request)), where);
        return {{core_, &core.runner()}, std::move(response), core.max_line_size()};
    }
    /// The same, by GET.
    [[nodiscard]] ClientStream stream(std::string url, Where where = Where::current()) {
        return stream(Request(Verb::get, std::move(url)), where);
    }

    /// Writes a body to a file, in memory that does not grow with it. SessionOptions::total_timeout holds for
    /// all of it.
    ///
    /// path:      a regular file, or nothing yet. It appears, or is replaced, when all has been written; what
    ///            fails leaves nothing behind.
    /// progress:  is called on the calling thread each time that a piece has been written: `received` is
    ///            what has been, `receive_total` the size of the whole, if it is known. What it throws ends
    ///            the download.
    /// Blocks:    until the file is complete. The calling thread writes it.
    /// Throws:    Errc::error_status for a status of 400 or above; std::system_error with the path for what
    ///            the system refuses; what progress throws.
    void download(
        Request request,
        std::filesystem::path path,
        ProgressFunction progress = {},
        Where where = Where::current()) {
        constexpr std::size_t piece_size = std::size_t{256} * 1024;
        detail::DownloadFile file(std::move(path));
        auto stream = this->stream(std::move(request), where).raise_for_status();
        Progress so_far;
        so_far.receive_total = stream.announced_size();
        for (std::string const& piece : stream.chunks(piece_size)) {
            file.write(piece);
            so_far.received += piece.size();
            if (progress)
                progress(so_far);
        }
        file.commit();
    }
    /// The same, by GET.
    void download(
        std::string url,
        std::filesystem::path path,
        ProgressFunction progress = {},
        Where where = Where::current()) {
        download(Request(Verb::get, std::move(url)), std::move(path), std::move(progress), where);
    }

    /// Ends what is under way, with Errc::session_closed, and closes the connections; then the runner, if it is
    /// the client's own. A second time: nothing.
    ///
    /// Blocks:    until the connections are closed: half a second at most, for the TLS shutdown.
    /// Throws:    DeadlockError on the thread of its loop; as ThreadRunner::close().
    void close() {
        if (core_)
            core_->close();
    }

private:
    using AfterFailure = detail::AfterFailure;

    detail::ClientCore& open() {
        if (!core_)
            throw std::system_error(
                make_error_code(::syncopate::Errc::runner_closed),
                "http::Client: it has been moved from");
        core_->require_open();
        return *core_;
    }

    ClientResponse send(Verb verb, std::string url, std::string body, Where where) {
        Request made(verb, std::move(url));
        made.body(std::move(body));
        return request(std::move(made), where);
    }

    detail::Batch::Outcomes fetch_all(
        std::vector<std::string> urls,
        std::size_t max_concurrency,
        AfterFailure after_failure,
        Where where) {
        auto& core = open();
        auto fetch = [&] {
            return detail::fetch_all(
                core.session(), std::move(urls), max_concurrency, after_failure);
        };
        return core.runner().run(fetch, where);
    }

    std::shared_ptr<detail::ClientCore> core_;
};

}  // namespace syncopate::http
