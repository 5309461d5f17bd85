// DownloadVersion: which version of a server's file a partial download is of, kept in a small file beside it.
#pragma once

#include <syncopate/http/detail/cookies/cookie_date.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/headers.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// What tells two versions of a file apart, for If-Range: RFC 9110, 13.1.5. A strong ETag, or else a Last-Modified that
/// is older than the response by a second or more; nothing if there is neither.
inline std::string validator_of(Headers const& headers) {
    auto const tag = trimmed(headers["ETag"]);
    if (tag.starts_with('"'))
        return std::string(tag);
    auto const modified = trimmed(headers["Last-Modified"]);
    auto const changed = CookieDate::parse(modified);
    auto const sent = CookieDate::parse(headers["Date"]);
    bool const is_weak =
        !changed || (sent && seconds_between(*changed, *sent) < std::chrono::seconds(1));
    return is_weak ? std::string() : std::string(modified);
}

/// The field Content-Range: "bytes 5-9/10", "bytes 5-9/*", and of a 416 "bytes */10".
struct ContentRange {
    std::optional<std::uint64_t> first;
    std::optional<std::uint64_t> total;

    static ContentRange of(Headers const& headers) noexcept {
        auto text = trimmed(headers["Content-Range"]);
        constexpr std::string_view unit = "bytes ";
        if (!text.starts_with(unit))
            return {};
        text.remove_prefix(unit.size());
        auto const slash = text.find('/');
        if (slash == text.npos)
            return {};
        return {
            whole_number<std::uint64_t>(text.substr(0, text.find('-'))),
            whole_number<std::uint64_t>(text.substr(slash + 1))};
    }
};

/// A file of two lines: the URL and the validator. One that cannot be read is as good as none.
class DownloadVersion {
public:
    /// partial:   the path of the partial download.
    DownloadVersion(std::filesystem::path const& partial, std::string url)
        : path_(partial.string() + ".info"), url_(std::move(url)) {
        std::ifstream file(path_);
        std::string url_of_file;
        if (std::getline(file, url_of_file) && url_of_file == url_)
            std::getline(file, validator_);
    }

    /// Empty: it cannot be gone on with.
    std::string const& validator() const noexcept { return validator_; }

    void forget() {
        validator_.clear();
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }

    /// Throws: std::system_error with the path.
    void set(std::string validator) {
        forget();
        if (validator.empty())
            return;
        std::ofstream file(path_);
        file << url_ << '\n' << validator << '\n';
        file.close();
        if (!file)
            throw std::system_error(
                std::make_error_code(std::errc::io_error), path_.string() + ": cannot be written");
        validator_ = std::move(validator);
    }

private:
    std::filesystem::path path_;
    std::string url_;
    std::string validator_;
};

}  // namespace syncopate::inline v0_1::http::detail
