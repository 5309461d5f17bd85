// The functions of Multipart.
#pragma once

#include <syncopate/detail/separate.hpp>
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

SYNCOPATE_DECL Multipart::Multipart() {
    require_boundary();
}

SYNCOPATE_DECL void Multipart::require_boundary() {
    if (!boundary_.empty())
        return;
    boundary_ = "syncopate-";
    std::random_device device;
    for (int i = 0; i < 4; ++i)
        append_hexadecimal(device());
}

SYNCOPATE_DECL Multipart& Multipart::field(std::string_view name, std::string data) & {
    add(disposition(name), std::move(data));
    return *this;
}

SYNCOPATE_DECL Multipart& Multipart::file(
    std::string_view name, std::string_view filename, std::string data, std::string_view type) & {
    add(file_header(name, filename, type), std::move(data));
    return *this;
}

SYNCOPATE_DECL Multipart& Multipart::file_from(
    std::string_view name, std::filesystem::path path, std::string_view type) & {
    detail::InputFile const readable(path);
    add(file_header(name, path.filename().string(), type), {});
    files_.push_back({pieces_.size() - 1, std::move(path)});
    return *this;
}

SYNCOPATE_DECL std::uint64_t Multipart::content_length() const {
    std::uint64_t length = closing_line().size();
    for (auto const& piece : pieces_)
        length += piece.size();
    for (auto const& file : files_)
        length += detail::InputFile(file.path).size();
    return length;
}

SYNCOPATE_DECL std::vector<std::string> Multipart::take_pieces() && {
    for (auto const& file : files_)
        pieces_[file.piece] = whole(file.path);
    pieces_.push_back(closing_line());
    return std::move(pieces_);
}

SYNCOPATE_DECL std::string Multipart::whole(std::filesystem::path const& path) {
    detail::InputFile file(path);
    std::string data;
    while (data.size() < file.size())
        data += file.read(static_cast<std::size_t>(file.size() - data.size()));
    return data;
}

SYNCOPATE_DECL std::shared_ptr<detail::BodySource> Multipart::take_files() {
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

SYNCOPATE_DECL std::string Multipart::file_header(
    std::string_view name, std::string_view filename, std::string_view type) {
    require_one_line(type, "media type");
    auto header = disposition(name);
    header += "; filename=\"" + escaped(filename, "filename") + "\"\r\nContent-Type: ";
    return header.append(type);
}

SYNCOPATE_DECL void Multipart::require_one_line(std::string_view text, std::string const& what) {
    if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
        detail::throw_error(
            Errc::invalid_request, "a part's " + what + " holds a line break or NUL");
}

SYNCOPATE_DECL std::string Multipart::escaped(std::string_view text, std::string const& what) {
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

SYNCOPATE_DECL std::string Multipart::disposition(std::string_view name) {
    return "Content-Disposition: form-data; name=\"" + escaped(name, "name") + '"';
}

SYNCOPATE_DECL void Multipart::add(std::string header, std::string data) {
    require_boundary();
    header.insert(0, line_end() + "--" + boundary_ + "\r\n");
    header += "\r\n\r\n";
    pieces_.reserve(pieces_.size() + 2);
    pieces_.push_back(std::move(header));
    pieces_.push_back(std::move(data));
}

SYNCOPATE_DECL void Multipart::append_hexadecimal(std::uint32_t number) {
    for (int shift = 28; shift >= 0; shift -= 4)
        boundary_ += "0123456789abcdef"[number >> shift & 0xf];
}

}  // namespace syncopate::inline v0_1::http
