// Bodies that are JSON: what is accepted, how much memory they may take, and that others have their turn meanwhile.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/json.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <zlib.h>

namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;

asio::awaitable<json::value> json_of(ClientSession& session, std::string url) {
    auto response = co_await session.get(std::move(url));
    co_return co_await response.json();
}

asio::awaitable<std::size_t> size_of(ClientSession& session, std::string url) {
    auto response = co_await session.get(std::move(url));
    auto const text = co_await response.text();
    co_return text.size();
}

template <class T>
asio::awaitable<void> run_to_end(asio::awaitable<T> task, std::atomic<bool>& has_ended) {
    try {
        static_cast<void>(co_await std::move(task));
    } catch (std::exception const&) {  // NOLINT(bugprone-empty-catch): another test looks at it
    }
    has_ended = true;
}

/// Counts the turns that it gets before the task has ended.
template <class T>
asio::awaitable<int> turns_beside(syncopate::ThreadRunner& runner, asio::awaitable<T> task) {
    std::atomic<bool> has_ended = false;
    runner.start_soon(run_to_end(std::move(task), has_ended));
    int turns = 0;
    for (; !has_ended; ++turns)
        co_await asio::post(asio::use_awaitable);
    co_return turns;
}

std::string gzip(std::string_view text) {
    std::string out(text.size() + 1000, '\0');
    z_stream stream{};
    ::deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
}

std::string numbers(std::size_t count) {
    std::string text = "[";
    for (std::size_t i = 0; i < count; ++i)
        text += "0,";
    return text + "0]";
}

TEST_CASE("A body is JSON for coroutines and for synchronous code, short or long") {
    auto const count = GENERATE(as<std::size_t>(), 1, 200'000);
    RawServer const server(answering(ok(numbers(count))));
    SessionOnLoop session;
    CHECK(
        session.runner.run(json_of(session.session, server.url())).as_array().size() == count + 1);
    Client client;
    CHECK(client.get(server.url()).json().as_array().size() == count + 1);
}

TEST_CASE("JSON may be deep, and stand behind a byte order mark") {
    std::string const deep = "\xef\xbb\xbf" + std::string(500, '[') + std::string(500, ']');
    RawServer const server(answering(ok(deep)));
    SessionOnLoop session;
    CHECK(
        json::serialize(session.runner.run(json_of(session.session, server.url()))) ==
        deep.substr(3));
    Client client;
    CHECK(json::serialize(client.get(server.url()).json()) == deep.substr(3));
}

TEST_CASE("What is no JSON is malformed_json wherever that shows, and the server is named") {
    auto const body = GENERATE(
        std::string(""), std::string("[1,]"), numbers(200'000) + "]",
        numbers(200'000).substr(0, 300'000), std::string(100'000, '['));
    RawServer const server(answering(ok(body)));
    SessionOnLoop session;
    auto const get = [&] { session.runner.run(json_of(session.session, server.url())); };
    CHECK(code_of(get) == Errc::malformed_json);
    CHECK_THAT(
        message_of<std::system_error>(get),
        ContainsSubstring("127.0.0.1:" + std::to_string(server.port())));
    Client client;
    CHECK(code_of([&] {
              static_cast<void>(client.get(server.url()).json());
          }) == Errc::malformed_json);
}

TEST_CASE("JSON that would take too much memory is refused before it is parsed") {
    auto const text = numbers(std::size_t{8} * 1024 * 1024);
    RawServer const server(answering(response("200 OK", "Content-Encoding: gzip\r\n", gzip(text))));
    SessionOnLoop session;
    auto const get = [&] { session.runner.run(json_of(session.session, server.url())); };
    CHECK(code_of(get) == Errc::body_too_large);
    CHECK_THAT(message_of<std::system_error>(get), ContainsSubstring("bytes of memory"));
    Client client;
    auto const response = client.get(server.url());
    CHECK(code_of([&] { static_cast<void>(response.json()); }) == Errc::body_too_large);
}

TEST_CASE("The limit of memory counts values, and not what is in strings") {
    RawServer const server(answering(ok("[\"" + std::string(1000, ',') + "\\\",,\"]")));
    Client large(SessionOptions().max_json_memory(1100));
    CHECK_NOTHROW(static_cast<void>(large.get(server.url()).json()));
    Client small(SessionOptions().max_json_memory(1000));
    CHECK(code_of([&] {
              static_cast<void>(small.get(server.url()).json());
          }) == Errc::body_too_large);
}

TEST_CASE("While JSON is parsed, others have their turn on the loop") {
    RawServer const server(answering(ok(numbers(std::size_t{1024} * 1024))));
    SessionOnLoop session;
    auto task = json_of(session.session, server.url());
    CHECK(session.runner.run(turns_beside(session.runner, std::move(task))) > 32);
}

TEST_CASE("While a body is decoded, others have their turn on the loop") {
    std::string const zeros(std::size_t{32} * 1024 * 1024, '\0');
    auto const layers = GENERATE(1, 2);
    auto const body = layers == 1 ? gzip(zeros) : gzip(gzip(zeros));
    RawServer const server(answering(response(
        "200 OK", layers == 1 ? "Content-Encoding: gzip\r\n" : "Content-Encoding: gzip, gzip\r\n",
        body)));
    SessionOnLoop session;
    auto task = size_of(session.session, server.url());
    CHECK(session.runner.run(turns_beside(session.runner, std::move(task))) > 100);
    CHECK(session.runner.run(size_of(session.session, server.url())) == zeros.size());
}

}  // namespace
