// CookieDate: parses the dates of Set-Cookie fields, RFC 6265, 5.1.1. seconds_between(): of two such dates.
#pragma once

#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

using CookieTime = std::chrono::system_clock::time_point;

/// Both may be at the ends of what the clock can represent: then their difference can be told in seconds only.
inline std::chrono::seconds seconds_between(CookieTime earlier, CookieTime later) noexcept {
    using std::chrono::floor;
    using std::chrono::seconds;
    return floor<seconds>(later) - floor<seconds>(earlier);
}

/// The parts of a date. They may come in any order, with other text between them.
class CookieDate {
public:
    /// The time, or the nearest one that the clock can represent; nothing if the text is no date.
    static std::optional<CookieTime> parse(std::string_view text) noexcept {
        CookieDate date;
        while (!text.empty()) {
            auto const end = std::ranges::find_if(text, is_delimiter);
            date.add({text.begin(), end});
            text = {end == text.end() ? end : end + 1, text.end()};
        }
        return date.time();
    }

private:
    struct Clock {
        int hours;
        int minutes;
        int seconds;
    };

    static constexpr bool is_delimiter(char c) noexcept {
        return c == '\t' || (c >= ' ' && c <= '/') || (c >= ';' && c <= '@') ||
               (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
    }

    static constexpr std::size_t count_digits(std::string_view text) noexcept {
        return (std::min)(text.find_first_not_of("0123456789"), text.size());
    }

    /// The number in front, whatever follows it; nothing if it has fewer or more digits.
    static constexpr std::optional<int> number_in_front(
        std::string_view text, std::size_t min_digits, std::size_t max_digits) noexcept {
        auto const digits = count_digits(text);
        if (digits < min_digits || digits > max_digits)
            return std::nullopt;
        int number = 0;
        for (char const digit : text.substr(0, digits))
            number = number * 10 + (digit - '0');
        return number;
    }

    static constexpr std::optional<Clock> as_clock(std::string_view token) noexcept {
        std::array<int, 3> numbers{};
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            if (i > 0) {
                if (!token.starts_with(':'))
                    return std::nullopt;
                token.remove_prefix(1);
            }
            auto const number = number_in_front(token, 1, 2);
            if (!number)
                return std::nullopt;
            numbers[i] = *number;
            token.remove_prefix(count_digits(token));
        }
        return Clock{numbers[0], numbers[1], numbers[2]};
    }

    static constexpr std::optional<int> as_month(std::string_view token) noexcept {
        constexpr std::array<std::string_view, 12> names{"jan", "feb", "mar", "apr", "may", "jun",
                                                         "jul", "aug", "sep", "oct", "nov", "dec"};
        for (std::size_t i = 0; i < names.size(); ++i)
            if (equals_ignoring_case(token.substr(0, 3), names[i]))
                return static_cast<int>(i) + 1;
        return std::nullopt;
    }

    /// Sets the part, if it is missing and has been found. Returns whether it has set it.
    template <class T>
    static constexpr bool complete(std::optional<T>& part, std::optional<T> found) noexcept {
        if (part || !found)
            return false;
        part = found;
        return true;
    }

    /// Takes the token for the first missing part that it can be, in the order of RFC 6265.
    constexpr void add(std::string_view token) noexcept {
        if (complete(clock_, as_clock(token)) || complete(day_, number_in_front(token, 1, 2)) ||
            complete(month_, as_month(token)))
            return;
        complete(year_, number_in_front(token, 2, 4));
    }

    std::optional<CookieTime> time() const noexcept {
        using namespace std::chrono;
        if (!clock_ || !day_ || !month_ || !year_)
            return std::nullopt;
        int const century = *year_ >= 100 ? 0 : *year_ >= 70 ? 1900 : 2000;
        auto const date = year(*year_ + century) / *month_ / *day_;
        if (!date.ok() || date.year() < year(1601) || clock_->hours > 23 || clock_->minutes > 59 ||
            clock_->seconds > 59)
            return std::nullopt;
        auto const time = sys_days(date) + hours(clock_->hours) + minutes(clock_->minutes) +
                          seconds(clock_->seconds);
        // In seconds: the clock's nanoseconds do not reach as far as the year 9999.
        return CookieTime(std::clamp(
            time, ceil<seconds>((CookieTime::min)()), floor<seconds>((CookieTime::max)())));
    }

    std::optional<Clock> clock_;
    std::optional<int> day_;
    std::optional<int> month_;
    std::optional<int> year_;
};

}  // namespace syncopate::inline v0_1::http::detail
