// Multipart: a form with fields and files as the body of a request, multipart/form-data.
#pragma once

#include <syncopate/http/detail/message/file_body.hpp>
#include <syncopate/http/error.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

/// The fields and files of a form, in their order:
/// `Multipart().field("user", "Ann").file("photo", "ann.png", bytes, "image/png").file_from("film", "ann.mp4")`.
///
/// The parts are separated by a boundary of 128 random bits, from std::random_device. The data is not searched for
/// it: whoever made the data could not know it.
///
/// Semantics: the HTML standard's multipart/form-data encoding algorithm, RFC 7578; but a line break in a
///            name is refused where browsers escape it.
class Multipart {
public:
    Multipart() : boundary_("syncopate-") {
        std::random_device device;
        for (int i = 0; i < 4; ++i)
            append_hexadecimal(device());
    }

    /// Adds a field.
    ///
    /// name:      UTF-8, as forms are.
    /// data:      any bytes.
    /// Throws:    the name holds a line break or NUL -> Errc::invalid_request.
    Multipart& field(std::string_view name, std::string data) & {
        add(disposition(name), std::move(data));
        return *this;
    }
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
        std::string_view type = "application/octet-stream") & {
        add(file_header(name, filename, type), std::move(data));
        return *this;
    }
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
        std::string_view type = "application/octet-stream") & {
        detail::InputFile const readable(path);
        add(file_header(name, path.filename().string(), type), {});
        files_.push_back({pieces_.size() - 1, std::move(path)});
        return *this;
    }
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
    std::uint64_t content_length() const {
        std::uint64_t length = closing_line().size();
        for (auto const& piece : pieces_)
            length += piece.size();
        for (auto const& file : files_)
            length += detail::InputFile(file.path).size();
        return length;
    }

    /// The body, as pieces to be sent one after the other. The files of file_from() are read into memory: a session
    /// does not call this for a form that has any.
    ///
    /// Throws:    std::system_error with the path, if a file of file_from() cannot be read.
    std::vector<std::string> take_pieces() && {
        for (auto const& file : files_)
            pieces_[file.piece] = whole(file.path);
        pieces_.push_back(closing_line());
        return std::move(pieces_);
    }

private:
    friend class Request;

    struct File {
        std::size_t piece;  // its place among the pieces
        std::filesystem::path path;
    };

    static std::string whole(std::filesystem::path const& path) {
        detail::InputFile file(path);
        std::string data;
        while (data.size() < file.size())
            data += file.read(static_cast<std::size_t>(file.size() - data.size()));
        return data;
    }

    /// Null if all of it is in memory.
    std::shared_ptr<detail::BodySource> take_files() {
        if (files_.empty())
            return nullptr;
        pieces_.push_back(closing_line());
        std::vector<detail::FileBody::Part> parts;
        parts.reserve(pieces_.size());
        for (auto& piece : pieces_)
            parts.push_back({std::move(piece), {}});
        for (auto& file : files_)
            parts[file.piece].file = std::move(file.path);
        return std::make_shared<detail::FileBody>(std::move(parts));
    }

    static std::string file_header(
        std::string_view name, std::string_view filename, std::string_view type) {
        require_one_line(type, "media type");
        auto header = disposition(name);
        header += "; filename=\"" + escaped(filename, "filename") + "\"\r\nContent-Type: ";
        return header.append(type);
    }

    static void require_one_line(std::string_view text, std::string const& what) {
        if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
            detail::throw_error(
                Errc::invalid_request, "a part's " + what + " holds a line break or NUL");
    }

    static std::string escaped(std::string_view text, std::string const& what) {
        require_one_line(text, what);
        std::string result;
        for (char const each : text) {
            if (each == '"')
                result += "%22";
            else
                result += each;
        }
        return result;
    }

    static std::string disposition(std::string_view name) {
        return "Content-Disposition: form-data; name=\"" + escaped(name, "name") + '"';
    }

    void add(std::string header, std::string data) {
        header.insert(0, line_end() + "--" + boundary_ + "\r\n");
        header += "\r\n\r\n";
        pieces_.reserve(pieces_.size() + 2);
        pieces_.push_back(std::move(header));
        pieces_.push_back(std::move(data));
    }

    std::string closing_line() const { return line_end() + "--" + boundary_ + "--\r\n"; }

    /// Of the part before, if there is one.
    std::string line_end() const { return pieces_.empty() ? "" : "\r\n"; }

    void append_hexadecimal(std::uint32_t number) {
        for (int shift = 28; shift >= 0; shift -= 4)
            boundary_ += "0123456789abcdef"[number >> shift & 0xf];
    }

    std::string boundary_;
    std::vector<std::string> pieces_;  // a part's header, its data, the next part's header, …
    std::vector<File> files_;          // data that is not in memory
};

}  // namespace syncopate::inline v0_1::http
