// Netrc: names and passwords by host, from a file in the format of ftp's .netrc.
#pragma once

#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// Read once. Macros and accounts are passed over, and comments; a token may stand in quotes, as curl has it.
class Netrc {
public:
    struct Entry {
        std::string host;  // empty: all hosts
        std::string user;
        std::string password;
    };

    /// Throws: std::system_error with the path.
    static Netrc read(std::filesystem::path const& path) {
        std::ifstream file(path, std::ios::binary);
        std::string const text(std::istreambuf_iterator<char>(file), {});
        if (!file.is_open() || file.bad())
            throw std::system_error(errno, std::system_category(), path.string());
        return Netrc(text);
    }

    explicit Netrc(std::string_view text) : left_(text) {
        while (take_line_of_comment() || take_entry_part()) {
        }
        left_ = {};
    }

    /// The first entry for a host, and for that user if there is one; null if there is none.
    ///
    /// user:      empty: any.
    Entry const* find(std::string_view host, std::string_view user) const noexcept {
        auto const found = std::ranges::find_if(entries_, [&](Entry const& each) {
            return (each.host.empty() || equals_ignoring_case(each.host, host)) &&
                   (user.empty() || each.user == user);
        });
        return found == entries_.end() ? nullptr : &*found;
    }

private:
    static constexpr std::string_view spaces = " \t\r\n";

    bool take_line_of_comment() {
        left_.remove_prefix((std::min)(left_.find_first_not_of(spaces), left_.size()));
        if (!left_.starts_with('#'))
            return false;
        left_.remove_prefix((std::min)(left_.find('\n'), left_.size()));
        return true;
    }

    bool take_entry_part() {
        auto const name = take_token();
        if (name.empty())
            return false;
        if (name == "machine")
            begin_entry(take_token());
        else if (name == "default")
            entries_.push_back({});
        else if (name == "macdef")
            left_.remove_prefix((std::min)(left_.find("\n\n"), left_.size()));
        else if (name == "login" || name == "password" || name == "account")
            set(name, take_token());
        return true;
    }

    void begin_entry(std::string host) {
        if (!host.empty())
            entries_.push_back({std::move(host), {}, {}});
    }

    void set(std::string_view name, std::string value) {
        if (entries_.empty())
            return;
        if (name == "login")
            entries_.back().user = std::move(value);
        else if (name == "password")
            entries_.back().password = std::move(value);
    }

    std::string take_token() {
        left_.remove_prefix((std::min)(left_.find_first_not_of(spaces), left_.size()));
        if (left_.starts_with('"'))
            return take_quoted(left_);
        auto const end = (std::min)(left_.find_first_of(spaces), left_.size());
        std::string token(left_.substr(0, end));
        left_.remove_prefix(end);
        return token;
    }

    std::string_view left_;  // only while it is made
    std::vector<Entry> entries_;
};

}  // namespace syncopate::inline v0_1::http::detail
