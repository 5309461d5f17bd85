// TextLines, OwnedTextLines: the lines of a text that is in memory as a whole.
#pragma once

#include <cstddef>
#include <iterator>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

/// A view of the lines of a text, as std::string_view, without the LF or CRLF that ends them.
///
/// Text behind the last line end is a line, too, unless it is empty. A lone CR does not end a line. The text is
/// not copied: the lines are views into it.
class TextLines : public std::ranges::view_base {
public:
    /// A line, and the position behind it.
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
        friend class TextLines;
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

    /// Over this text, which has to last as long as the lines are looked at.
    explicit TextLines(std::string_view text) noexcept : text_(text) {}

    iterator begin() const noexcept { return iterator(text_); }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    std::string_view text_;
};

/// The lines of a text that it owns. Views of lines last until this object is moved or destroyed.
class OwnedTextLines {
public:
    /// Over this text.
    explicit OwnedTextLines(std::string text) noexcept : text_(std::move(text)) {}

    TextLines::iterator begin() const noexcept { return TextLines(text_).begin(); }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    std::string text_;
};

/// The older names of both.
using Lines = TextLines;
/// The older name of OwnedTextLines.
using OwnedLines = OwnedTextLines;

}  // namespace syncopate::inline v0_1::http
