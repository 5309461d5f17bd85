// Multipart: a form with fields and files as the body of a request, multipart/form-data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

namespace detail {
class BodySource;
}

/// The fields and files of a form, in their order:
/// `Multipart().field("user", "Ann").file("photo", "ann.png", bytes, "image/png").file_from("film", "ann.mp4")`.
///
/// The parts are separated by a boundary of 128 random bits, from std::random_device. The data is not searched for
/// it: whoever made the data could not know it. A form that was moved from is like a new one.
///
/// Semantics: the HTML standard's multipart/form-data encoding algorithm, RFC 7578; but a line break in a
///            name is refused where browsers escape it.
class Multipart {
public:
    Multipart();

    /// Adds a field.
    ///
    /// name:      UTF-8, as forms are.
    /// data:      any bytes.
    /// Throws:    the name holds a line break or NUL -> Errc::invalid_request.
    Multipart& field(std::string_view name, std::string data) &;
    Multipart&& field(std::string_view name, std::string data) && {
        return std::move(field(name, std::move(data)));
    }

    /// Adds a file.
    ///
    /// name:      of the form's field.
    /// filename:  what the server is told, not a file that is opened.
    /// data:      what is in it, any bytes.
    /// type:      its media type.
    /// Throws:    one of the names or the type holds a line break or NUL -> Errc::invalid_request.
    Multipart& file(
        std::string_view name,
        std::string_view filename,
        std::string data,
        std::string_view type = "application/octet-stream") &;
    Multipart&& file(
        std::string_view name,
        std::string_view filename,
        std::string data,
        std::string_view type = "application/octet-stream") && {
        return std::move(file(name, filename, std::move(data), type));
    }

    /// Adds a file that is read while the form is sent, in memory that does not grow with it.
    ///
    /// name:      of the form's field.
    /// path:      of a regular file. The server is told its last part. A relative one is of the directory that is the
    ///            current one when the form is sent.
    /// type:      its media type.
    /// Throws:    std::system_error with the path, if the file cannot be read; what file() throws.
    Multipart& file_from(
        std::string_view name,
        std::filesystem::path path,
        std::string_view type = "application/octet-stream") &;
    Multipart&& file_from(
        std::string_view name,
        std::filesystem::path path,
        std::string_view type = "application/octet-stream") && {
        return std::move(file_from(name, std::move(path), type));
    }

    /// The value of the request's Content-Type, with the boundary.
    std::string content_type() const { return "multipart/form-data; boundary=" + boundary_; }

    /// How long the body is.
    ///
    /// Throws:    std::system_error with the path, if a file of file_from() cannot be read.
    std::uint64_t content_length() const;

    /// The body, as pieces to be sent one after the other. The files of file_from() are read into memory: a session
    /// does not call this for a form that has any.
    ///
    /// Throws:    std::system_error with the path, if a file of file_from() cannot be read.
    std::vector<std::string> take_pieces() &&;

private:
    friend class Request;

    struct File {
        std::size_t piece;  // its place among the pieces
        std::filesystem::path path;
    };

    static std::string whole(std::filesystem::path const& path);

    /// Null if all of it is in memory.
    std::shared_ptr<detail::BodySource> take_files();

    static std::string file_header(
        std::string_view name, std::string_view filename, std::string_view type);

    static void require_one_line(std::string_view text, std::string const& what);

    static std::string escaped(std::string_view text, std::string const& what);

    static std::string disposition(std::string_view name);

    void add(std::string header, std::string data);

    std::string closing_line() const { return line_end() + "--" + boundary_ + "--\r\n"; }

    /// Of the part before, if there is one.
    std::string line_end() const { return pieces_.empty() ? "" : "\r\n"; }

    /// Gives it a boundary, unless it has one: a form that was moved from has none.
    void require_boundary();

    void append_hexadecimal(std::uint32_t number);

    std::string boundary_;
    std::vector<std::string> pieces_;  // a part's header, its data, the next part's header, …
    std::vector<File> files_;          // data that is not in memory
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/multipart.ipp>
#endif
