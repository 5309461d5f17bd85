// CookieLine, read_cookie_file(), write_cookie_file(): files of cookies in the format of Netscape, which curl reads.
#pragma once

#include <syncopate/detail/system/file.hpp>
#include <syncopate/http/detail/cookies/cookie_date.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

namespace syncopate::inline v0_1::http::detail {

/// One cookie as a line: seven fields with tabs between them. Views into the line.
struct CookieLine {
    std::string_view domain;  // without a leading dot
    bool is_host_only = true;
    std::string_view path;
    bool is_secure = false;
    bool is_http_only = false;
    std::optional<CookieTime> expires;
    std::string_view name;
    std::string_view value;
};

/// The time of so many seconds after 1970, or the nearest that the clock can represent.
inline CookieTime time_of_seconds(std::int64_t count) noexcept {
    using std::chrono::seconds;
    using Since1970 = std::chrono::time_point<std::chrono::system_clock, seconds>;
    return std::clamp(
        Since1970(seconds(count)), std::chrono::ceil<seconds>((CookieTime::min)()),
        std::chrono::floor<seconds>((CookieTime::max)()));
}

/// Nothing for an empty line, a comment, and what is no cookie.
inline std::optional<CookieLine> parse_cookie_line(std::string_view text) noexcept {
    constexpr std::string_view http_only = "#HttpOnly_";
    CookieLine line;
    if (text.ends_with('\r'))
        text.remove_suffix(1);
    line.is_http_only = text.starts_with(http_only);
    if (line.is_http_only)
        text.remove_prefix(http_only.size());
    if (text.starts_with('#'))
        return std::nullopt;
    auto const take = [&] {
        auto const end = (std::min)(text.find('\t'), text.size());
        auto const field = text.substr(0, end);
        text.remove_prefix((std::min)(end + 1, text.size()));
        return field;
    };
    line.domain = take();
    line.is_host_only = take() != "TRUE";
    line.path = take();
    line.is_secure = take() == "TRUE";
    auto const expires = whole_number<std::int64_t>(take());
    line.name = take();
    line.value = text;
    if (line.domain.starts_with('.'))
        line.domain.remove_prefix(1);
    auto const has_control = [](std::string_view field) {
        return std::ranges::any_of(field, is_control);
    };
    bool const is_cookie =
        expires && !line.domain.empty() && line.path.starts_with('/') && !line.name.empty() &&
        !has_control(line.domain) && !has_control(line.path) && !has_control(line.name) &&
        !has_control(line.value) && trimmed(line.name) == line.name &&
        line.name.find_first_of("=;") == line.name.npos && line.value.find(';') == line.value.npos;
    if (!is_cookie)
        return std::nullopt;
    if (*expires != 0)  // it lasts as long as the session otherwise
        line.expires = time_of_seconds(*expires);
    return line;
}

/// Appends a line, with its end.
inline void append_cookie_line(std::string& text, CookieLine const& line) {
    using std::chrono::floor;
    using std::chrono::seconds;
    auto const truth = [](bool value) { return value ? "TRUE\t" : "FALSE\t"; };
    text += line.is_http_only ? "#HttpOnly_" : "";
    text += line.is_host_only ? "" : ".";
    text.append(line.domain).append("\t").append(truth(!line.is_host_only));
    text.append(line.path).append("\t").append(truth(line.is_secure));
    auto const time = line.expires ? floor<seconds>(*line.expires).time_since_epoch().count() : 0;
    text.append(std::to_string(time)).append("\t");
    text.append(line.name).append("\t").append(line.value).append("\n");
}

/// Throws: std::system_error with the path.
inline std::string read_cookie_file(std::filesystem::path const& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (!file.is_open() || file.bad())
        throw std::system_error(errno, std::system_category(), path.string());
    return text;
}

/// Writes the file under another name, readable by its owner alone, and puts it into its place.
///
/// Throws: std::system_error with the path. The file is then as it was.
inline void write_cookie_file(std::filesystem::path const& path, std::string const& text) {
    namespace system = ::syncopate::detail::system;
    using File = system::File;
    std::random_device random;
    std::filesystem::path partial;
    std::error_code error;
    File file;
    do {
        error.clear();
        partial = path.parent_path() / (".cookies-" + std::to_string(random()));
        file = File(partial, File::Access::write_new, error, File::Rights::of_owner);
    } while (error == std::errc::file_exists);
    if (error)
        throw std::system_error(error, path.string());
    error = file.write_at(0, text);
    if (!error)
        error = file.flush();
    if (auto const unclosed = file.close(); !error)
        error = unclosed;
    if (!error)
        error = system::replace_file(partial, path);
    if (!error)
        return;
    system::remove_file(partial);
    throw std::system_error(error, path.string());
}

}  // namespace syncopate::inline v0_1::http::detail
