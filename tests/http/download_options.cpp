// DownloadOptions: downloads that go on where an earlier one broke off, and that are limited.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/detail/client/download_version.hpp>
#include <syncopate/http/download_options.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/retry_policy.hpp>
#include <syncopate/http/status_error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;

std::string content_of(fs::path const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t files_in(TemporaryDirectory const& directory) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()));
}

/// A server's file, of which each response breaks off after so many bytes of its body.
struct ServedFile {
    std::string content = "0123456789";
    std::string fields = "ETag: \"one\"\r\n";
    std::size_t most = 100;

    /// As RFC 9110 has it, for requests of this client.
    std::string answer(std::string const& request) const {
        auto const value = [&](std::string const& name) -> std::string {
            auto const begin = request.find("\r\n" + name + ": ");
            if (begin == request.npos)
                return {};
            auto const text = request.substr(begin + name.size() + 4);
            return text.substr(0, text.find('\r'));
        };
        auto const condition = value("If-Range");
        auto const range = value("Range");
        bool const is_same = !condition.empty() && fields.find(condition) != fields.npos;
        if (range.empty() || !is_same)
            return cut("200 OK", fields, content);
        auto const begin = static_cast<std::size_t>(std::stoul(range.substr(6)));
        auto const size = std::to_string(content.size());
        if (begin >= content.size())
            return response("416 No", "Content-Range: bytes */" + size + "\r\n", "");
        auto const last = std::to_string(content.size() - 1);
        return cut(
            "206 Part",
            fields + "Content-Range: bytes " + std::to_string(begin) + "-" + last + "/" + size +
                "\r\n",
            content.substr(begin));
    }

private:
    std::string cut(
        std::string const& status, std::string const& header, std::string const& body) const {
        auto whole = response(status, header, body);
        whole.resize(whole.size() - body.size() + std::min(body.size(), most));
        return whole;
    }
};

/// One connection a request, so that what is cut is known to be.
Script serving(ServedFile const& file) {
    return [&file](Peer& peer) { peer.send(file.answer(peer.read_request())); };
}

DownloadOptions const resuming = DownloadOptions().resume(true);

/// A client that downloads such a file, and goes on where it broke off before.
struct Resuming {
    void operator()() { client.download(server.url(), path, resuming); }
    std::string part() const { return content_of(path.string() + ".part"); }

    ServedFile file;
    RawServer const server{serving(file)};
    TemporaryDirectory const directory;
    fs::path const path = directory.path() / "file";
    Client client;
};

bool is_rest(std::string const& request) {
    return request.find("\r\nRange: bytes=") != request.npos;
}

}  // namespace

TEST_CASE("A download that broke off is gone on with by the next one") {
    Resuming download;
    auto& [file, server, directory, path, client] = download;
    file.most = 4;
    CHECK(code_of(download) == Errc::body_truncated);
    CHECK(!fs::exists(path));
    CHECK(download.part() == "0123");
    CHECK(code_of(download) == Errc::body_truncated);
    std::vector<Progress> seen;
    client.download(
        server.url(), path, DownloadOptions().resume(true).progress([&](Progress const& each) {
            seen.push_back(each);
        }));
    CHECK(content_of(path) == file.content);
    CHECK(files_in(directory) == 1);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].received == 10);
    CHECK(seen[0].receive_total == std::optional<std::uint64_t>(10));
    auto const requests = server.requests();
    REQUIRE(requests.size() == 3);
    CHECK_THAT(requests[0], ContainsSubstring("\r\nAccept-Encoding: identity\r\n"));
    CHECK_THAT(requests[1], ContainsSubstring("\r\nRange: bytes=4-\r\nIf-Range: \"one\"\r\n"));
    CHECK_THAT(requests[2], ContainsSubstring("\r\nRange: bytes=8-\r\n"));
}

TEST_CASE(
    "A file that has changed, or whose version is not known, is downloaded from its beginning") {
    Resuming download;
    auto& [file, server, directory, path, client] = download;
    file.most = 4;
    CHECK(code_of(download) == Errc::body_truncated);
    file.content = "abcdefghijkl";
    file.fields = "ETag: \"two\"\r\n";
    CHECK(code_of(download) == Errc::body_truncated);
    CHECK(download.part() == "abcd");

    SECTION("a weak ETag, and a time that is too fresh") {
        file.fields = "ETag: W/\"three\"\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                      "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        CHECK(code_of(download) == Errc::body_truncated);
        file.most = 100;
        download();
        CHECK(!is_rest(server.requests().back()));
    }
    SECTION("another URL") {
        file.most = 100;
        client.download(server.url("/?other"), path, resuming);
        CHECK(!is_rest(server.requests().back()));
    }
    SECTION("what came is longer than the file is now") {
        file.content = "xy";
        file.fields = "ETag: \"two\"\r\n";
        file.most = 100;
        download();
        auto const requests = server.requests();
        CHECK(is_rest(requests.at(requests.size() - 2)));
        CHECK(!is_rest(requests.back()));
    }
    SECTION("the rest does not begin where it should") {
        RawServer const odd(Scripts{
            answering_once(response("200 OK", "ETag: \"o\"\r\n", "0123").substr(0, 51)),
            answering_once(response("206 P", "Content-Range: bytes 0-3/4\r\n", "0123")),
            answering_once(response("200 OK", "ETag: \"o\"\r\n", "0123"))});
        auto const part = [&] { client.download(odd.url(), directory.path() / "odd", resuming); };
        CHECK(code_of(part) == Errc::body_truncated);
        part();
        CHECK(odd.requests().size() == 3);
        CHECK(content_of(directory.path() / "odd") == "0123");
    }
    SECTION("the rest is of another version") {
        auto const whole = response("200 OK", "ETag: \"o\"\r\n", "0123");
        RawServer const odd(Scripts{
            answering_once(whole.substr(0, whole.size() - 2)),
            answering_once(
                response("206 P", "ETag: \"p\"\r\nContent-Range: bytes 2-3/4\r\n", "cd")),
            answering_once(response("200 OK", "ETag: \"p\"\r\n", "abcd"))});
        auto const part = [&] { client.download(odd.url(), directory.path() / "odd", resuming); };
        CHECK(code_of(part) == Errc::body_truncated);
        part();
        CHECK(is_rest(odd.requests().at(1)));
        CHECK(content_of(directory.path() / "odd") == "abcd");
    }
    CHECK((!fs::exists(path) || content_of(path) == file.content));
}

TEST_CASE("A Last-Modified that is old enough tells versions apart") {
    Resuming download;
    download.file.most = 4;
    download.file.fields = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    CHECK(code_of(download) == Errc::body_truncated);
    download.file.most = 100;
    download();
    CHECK_THAT(
        download.server.requests().back(),
        ContainsSubstring("\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    CHECK(content_of(download.path) == download.file.content);
}

TEST_CASE("The dates of a server may lie as far apart as dates can") {
    syncopate::http::Headers headers;
    headers.add("Last-Modified", "Mon, 01 Jan 1601 00:00:00 GMT");
    headers.add("Date", "Fri, 01 Jan 9999 00:00:00 GMT");
    CHECK(
        syncopate::http::detail::validator_of(headers) ==
        std::string("Mon, 01 Jan 1601 00:00:00 GMT"));
}

TEST_CASE("A download of which all had come is complete when the server has no more") {
    Resuming download;
    auto const& path = download.path;
    std::ofstream(path.string() + ".part") << download.file.content;
    std::ofstream(path.string() + ".part.info") << download.server.url() << "\n\"one\"\n";
    download();
    CHECK(content_of(path) == download.file.content);
    CHECK(download.server.requests().size() == 1);
    CHECK(files_in(download.directory) == 1);
}

TEST_CASE("With a policy of retries, a download goes on by itself as long as something comes") {
    ServedFile file;
    file.most = 2;
    RawServer const server(serving(file));
    TemporaryDirectory directory;
    auto const path = directory.path() / "file";
    Client client(SessionOptions().retries(RetryPolicy().attempts(2).backoff(1ms, 1ms)));
    client.download(server.url(), path, resuming);
    CHECK(content_of(path) == file.content);
    CHECK(server.requests().size() == 5);
    file.most = 0;
    CHECK(code_of([&] { client.download(server.url(), path, resuming); }) == Errc::body_truncated);
    CHECK(server.requests().size() == 7);
}

TEST_CASE("A refused request for the rest leaves what there is") {
    ServedFile file;
    file.most = 4;
    RawServer const server(
        Scripts{serving(file), answering_once(response("503 Busy", "", "")), serving(file)});
    TemporaryDirectory directory;
    auto const path = directory.path() / "file";
    Client client;
    auto const download = [&] { client.download(server.url(), path, resuming); };
    CHECK(code_of(download) == Errc::body_truncated);
    CHECK_THROWS_AS(download(), StatusError);
    file.most = 100;
    download();
    CHECK(is_rest(server.requests().back()));
}

TEST_CASE("A download has its greatest size, announced or not") {
    TemporaryDirectory directory;
    auto const path = directory.path() / "file";
    Client client;
    auto const limited = DownloadOptions().max_size(5);
    RawServer const announced(
        answering_until_closed("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"));
    auto const message =
        message_of<std::system_error>([&] { client.download(announced.url(), path, limited); });
    CHECK_THAT(message, ContainsSubstring("127.0.0.1") && ContainsSubstring("more than 5 bytes"));
    RawServer const silent(answering_once("HTTP/1.1 200 OK\r\n\r\n123456"));
    CHECK(code_of([&] { client.download(silent.url(), path, limited); }) == Errc::body_too_large);
    CHECK(code_of([&] {
              client.download(silent.url(), path, DownloadOptions(limited).resume(true));
          }) == Errc::body_too_large);
    CHECK(files_in(directory) == 0);
    RawServer const fitting(answering(ok("12345")));
    client.download(Request("GET", fitting.url()), path, limited);
    CHECK(content_of(path) == "12345");
}

TEST_CASE("A part that the program asks for by itself is not gone on with") {
    auto const part = response("206 Part", "Content-Range: bytes 2-3/10\r\n", "23");
    RawServer const server(
        Scripts{answering_once(part.substr(0, part.size() - 1)), answering_once(part)});
    TemporaryDirectory directory;
    auto const path = directory.path() / "file";
    Client client;
    auto const download = [&] {
        client.download(Request("GET", server.url()).header("Range", "bytes=2-3"), path, resuming);
    };
    CHECK(code_of(download) == Errc::body_truncated);
    CHECK(files_in(directory) == 0);
    download();
    CHECK(content_of(path) == "23");
}

TEST_CASE("A download is the file as the server has it, unless the request asks for encodings") {
    RawServer const server(
        answering(response("200 OK", "Content-Encoding: gzip\r\nETag: \"a\"\r\n", "no gzip")));
    TemporaryDirectory directory;
    auto const path = directory.path() / "file.tar.gz";
    Client client;
    client.download(server.url(), path);
    CHECK(content_of(path) == "no gzip");
    CHECK_THAT(server.requests().back(), !ContainsSubstring("gzip"));
    client.download(server.url(), path, resuming);
    CHECK(content_of(path) == "no gzip");
    auto request = Request("GET", server.url());
    CHECK(code_of([&] {
              client.download(request.decompress(true), path);
          }) == Errc::malformed_encoding);
    CHECK_THAT(server.requests().back(), ContainsSubstring("gzip"));
}

TEST_CASE("Of two downloads to one path that go on, the second is refused") {
    RawServer const server(answering(ok("12345")));
    TemporaryDirectory directory;
    auto const path = directory.path() / std::string(255, 'n');  // the longest name that there is
    Client client;
    std::error_code second;
    client.download(
        server.url(), path, DownloadOptions().resume(true).progress([&](Progress const&) {
            second = code_of([&] { client.download(server.url(), path, resuming); });
        }));
    CHECK(second == std::errc::device_or_resource_busy);
    CHECK(content_of(path) == "12345");
    CHECK(files_in(directory) == 1);
}
