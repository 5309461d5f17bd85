// Multipart: the bytes of the body, and what may not stand in a part's header.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include <syncopate/http/error.hpp>
#include <syncopate/http/multipart.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace {

using support::code_of;
using support::message_of;
using syncopate::http::Errc;
using syncopate::http::Multipart;
using namespace std::string_literals;

std::string boundary_of(Multipart const& form) {
    auto const type = form.content_type();
    return type.substr(type.find('=') + 1);
}

/// The whole body, with B for the boundary.
std::string body_of(Multipart form) {
    auto const boundary = boundary_of(form);
    std::string body;
    for (auto const& piece : std::move(form).take_pieces())
        body += piece;
    for (auto found = body.find(boundary); found != body.npos; found = body.find(boundary))
        body.replace(found, boundary.size(), "B");
    return body;
}

}  // namespace

TEST_CASE("A form's fields and files are the parts of its body, in their order") {
    auto const body = body_of(Multipart()
                                  .field("user", "Ann")
                                  .file("photo", "ann.png", "\x89PNG", "image/png")
                                  .file("notes", "a.bin", "")
                                  .field("empty", ""));
    CHECK(
        body == "--B\r\n"
                "Content-Disposition: form-data; name=\"user\"\r\n"
                "\r\n"
                "Ann\r\n"
                "--B\r\n"
                "Content-Disposition: form-data; name=\"photo\"; filename=\"ann.png\"\r\n"
                "Content-Type: image/png\r\n"
                "\r\n"
                "\x89PNG\r\n"
                "--B\r\n"
                "Content-Disposition: form-data; name=\"notes\"; filename=\"a.bin\"\r\n"
                "Content-Type: application/octet-stream\r\n"
                "\r\n"
                "\r\n"
                "--B\r\n"
                "Content-Disposition: form-data; name=\"empty\"\r\n"
                "\r\n"
                "\r\n"
                "--B--\r\n");
}

TEST_CASE("A form without a part is its closing line") {
    CHECK(body_of(Multipart()) == "--B--\r\n");
}

TEST_CASE("The content length is that of the body") {
    auto const check = [](Multipart form) {
        auto const length = form.content_length();
        std::size_t size = 0;
        for (auto const& piece : std::move(form).take_pieces())
            size += piece.size();
        CHECK(length == size);
    };
    check(Multipart());
    check(Multipart().field("a", "b"));
    check(Multipart().field("a", "b").file("c", "d", std::string(100'000, 'x')));
}

TEST_CASE("Each form has a boundary of its own, as RFC 2046 allows it") {
    auto const boundary = boundary_of(Multipart());
    CHECK(boundary != boundary_of(Multipart()));
    CHECK(boundary.size() >= 32);
    CHECK(boundary.size() <= 70);
    CHECK(boundary.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == boundary.npos);
    CHECK(Multipart().content_type().starts_with("multipart/form-data; boundary="));
}

TEST_CASE("A form is filled by a chain or by statements, and can be copied") {
    static_assert(std::is_same_v<decltype(Multipart().field("", "")), Multipart&&>);
    static_assert(std::is_same_v<decltype(Multipart().file("", "", "")), Multipart&&>);
    static_assert(
        std::is_same_v<decltype(std::declval<Multipart&>().file("", "", "")), Multipart&>);
    Multipart form;
    form.field("a", "1").file("b", "f", "2");
    form.field("c", "3");
    auto const copy = form;
    CHECK(copy.content_type() == form.content_type());
    CHECK(body_of(copy) == body_of(form));
}

TEST_CASE("The data goes from the caller to the body without a copy") {
    std::string data(1000, 'x');
    auto const* const bytes = data.data();
    auto const pieces = Multipart().file("a", "b", std::move(data)).take_pieces();
    CHECK(std::ranges::find(pieces, bytes, [](auto const& piece) {
              return piece.data();
          }) != pieces.end());
}

TEST_CASE("The data may hold any bytes") {
    auto const data = "--B\r\n\r\n\0\xff"s;
    CHECK(
        body_of(Multipart().field("a", data)).find("\r\n\r\n" + data + "\r\n--B--\r\n") !=
        std::string::npos);
}

TEST_CASE("A form that was moved from is a new one") {
    Multipart form;
    form.field("a", "1");
    auto const moved = std::move(form);
    // NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved)
    form.field("b", "2");
    CHECK(form.content_type().size() == moved.content_type().size());
    CHECK(form.content_type() != moved.content_type());
    CHECK_THAT(body_of(form), !Catch::Matchers::ContainsSubstring("name=\"a\""));
    // NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)
}

TEST_CASE("A quotation mark in a name is escaped, and what else is not ASCII is not") {
    auto const body = body_of(Multipart().file("a\"b\\%", "ü\".txt", ""));
    CHECK_THAT(body, Catch::Matchers::ContainsSubstring(R"(name="a%22b\%"; filename="ü%22.txt")"));
}

TEST_CASE("A line break or NUL in a name or a type is refused, and nothing is added") {
    Multipart form;
    form.field("a", "b");
    auto const before = body_of(form);
    for (auto const& bad : {"a\rb"s, "a\nb"s, "a\0b"s, "\r\n"s, "\0"s}) {
        CHECK(code_of([&] { form.field(bad, ""); }) == Errc::invalid_request);
        CHECK(code_of([&] { form.file(bad, "f", ""); }) == Errc::invalid_request);
        CHECK(code_of([&] { form.file("n", bad, ""); }) == Errc::invalid_request);
        CHECK(code_of([&] { form.file("n", "f", "", bad); }) == Errc::invalid_request);
    }
    CHECK(body_of(form) == before);
    CHECK(message_of<std::system_error>([&] {
              form.file("n", "\n", "");
          }) == "a part's filename holds a line break or NUL: invalid request");
}
