// The lines of a text that is there as a whole.
#pragma once

#include <cstddef>
#include <iterator>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::http {

/// A view of the lines of a text, as std::string_view, without the LF or CRLF that ends them. What follows
/// the last of these is a line, too, unless it is empty. A lone CR stays.
///
/// text:      must be there as long as the lines are used.
class Lines : public std::ranges::view_base {
public:
    class iterator {
    public:
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;

        iterator() = default;

        std::string_view operator*() const noexcept { return line_; }
        iterator& operator++() noexcept {
            advance();
            return *this;
        }
        iterator operator++(int) noexcept {
            auto const before = *this;
            advance();
            return before;
        }

        friend bool operator==(iterator const& a, iterator const& b) noexcept {
            return a.line_.data() == b.line_.data();
        }
        friend bool operator==(iterator const& position, std::default_sentinel_t) noexcept {
            return position.line_.data() == nullptr;
        }

    private:
        friend class Lines;
        explicit iterator(std::string_view text) noexcept : rest_(text) { advance(); }

        void advance() noexcept {
            if (rest_.empty()) {
                line_ = {};
                return;
            }
            auto const end = rest_.find('\n');
            line_ = rest_.substr(0, end);
            if (end == std::string_view::npos)
                return rest_.remove_prefix(rest_.size());
            if (line_.ends_with('\r'))
                line_.remove_suffix(1);
            rest_.remove_prefix(end + 1);
        }

        std::string_view line_;  // without data at the end
        std::string_view rest_;
    };

    explicit Lines(std::string_view text) noexcept : text_(text) {}

    iterator begin() const noexcept { return iterator(text_); }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    std::string_view text_;
};

/// The same, of a text of its own. The lines are valid until it is moved or destroyed.
class OwnedLines {
public:
    explicit OwnedLines(std::string text) noexcept : text_(std::move(text)) {}

    Lines::iterator begin() const noexcept { return Lines(text_).begin(); }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    std::string text_;
};

}  // namespace syncopate::http
