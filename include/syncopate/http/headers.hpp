// Headers: the fields of the header of a request or a response.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace syncopate::inline v0_1::http {

namespace detail {

class ResponseParser;

constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// ASCII only, whatever the locale.
constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return to_lower(x) == to_lower(y);
           });
}

}  // namespace detail

/// The fields of a header, in their order, as a range of fields with `name()` and `value()`. Names are
/// looked up without regard to case. Views into it last until it is changed.
class Headers {
    struct Entry {
        std::uint32_t name;
        std::uint32_t name_size;
        std::uint32_t value;
        std::uint32_t value_size;
    };

public:
    /// A field: views into the headers.
    class Field {
    public:
        /// Its name, as it was sent or set.
        std::string_view name() const noexcept { return name_; }
        /// Its value.
        std::string_view value() const noexcept { return value_; }

    private:
        friend class Headers;
        Field(std::string_view name, std::string_view value) noexcept
            : name_(name), value_(value) {}

        std::string_view name_;
        std::string_view value_;
    };

    /// A position among the fields, valid until the headers are changed.
    class iterator {
        // What -> points to.
        struct Arrow {
            Field field;
            Field const* operator->() const noexcept { return &field; }
        };

    public:
        using iterator_category = std::input_iterator_tag;
        using iterator_concept = std::forward_iterator_tag;
        using value_type = Field;
        using difference_type = std::ptrdiff_t;
        using reference = Field;
        using pointer = Arrow;

        iterator() = default;

        Field operator*() const noexcept { return headers_->field(index_); }
        Arrow operator->() const noexcept { return {**this}; }
        iterator& operator++() noexcept {
            ++index_;
            return *this;
        }
        iterator operator++(int) noexcept {
            auto const before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(iterator const&, iterator const&) = default;

    private:
        friend class Headers;
        iterator(Headers const& headers, std::size_t index) noexcept
            : headers_(&headers), index_(index) {}

        Headers const* headers_ = nullptr;
        std::size_t index_ = 0;
    };
    using const_iterator = iterator;

    iterator begin() const noexcept { return {*this, 0}; }
    iterator end() const noexcept { return {*this, entries_.size()}; }
    std::size_t size() const noexcept { return entries_.size(); }
    bool empty() const noexcept { return entries_.empty(); }

    /// The first field of that name, or end().
    iterator find(std::string_view name) const noexcept {
        std::size_t index = 0;
        while (index < size() && !is_named(entries_[index], name))
            ++index;
        return {*this, index};
    }
    /// Whether there is a field of that name.
    bool contains(std::string_view name) const noexcept { return find(name) != end(); }

    /// The value of the first field of that name; nothing if there is none.
    std::optional<std::string_view> get(std::string_view name) const noexcept {
        auto const position = find(name);
        if (position == end())
            return std::nullopt;
        return position->value();
    }
    /// The value of the first field of that name; empty if there is none.
    std::string_view operator[](std::string_view name) const noexcept {
        return get(name).value_or(std::string_view());
    }
    /// The values of all fields of that name.
    std::vector<std::string_view> get_all(std::string_view name) const {
        std::vector<std::string_view> values;
        for (auto i = find(name).index_; i < size(); ++i)
            if (is_named(entries_[i], name))
                values.push_back(field(i).value());
        return values;
    }

    /// Adds a field behind the others. Neither may be a view into this object.
    void add(std::string_view name, std::string_view value) {
        entries_.push_back(
            {static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
             static_cast<std::uint32_t>(text_.size() + name.size()),
             static_cast<std::uint32_t>(value.size())});
        text_.append(name).append(value);
    }
    /// Makes it the only field of that name.
    void set(std::string_view name, std::string_view value) {
        erase(name);
        add(name, value);
    }
    /// Removes all fields of that name. Their text stays until the object goes.
    void erase(std::string_view name) noexcept {
        auto const removed = std::ranges::remove_if(
            entries_, [&](Entry const& entry) { return is_named(entry, name); });
        entries_.erase(removed.begin(), removed.end());
    }
    /// Removes all fields.
    void clear() noexcept {
        text_.clear();
        entries_.clear();
    }

private:
    friend class detail::ResponseParser;

    /// Reserves memory for that many fields, whose lines have that size together.
    void reserve(std::size_t fields, std::size_t text_size) {
        entries_.reserve(fields);
        text_.reserve(text_size);
    }
    /// Adds a field, with its whole line in one piece.
    ///
    /// name, value: views into the line, the name at its beginning.
    void add_line(std::string_view line, std::string_view name, std::string_view value) {
        auto const begin = text_.size();
        entries_.push_back(
            {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(name.size()),
             static_cast<std::uint32_t>(begin) +
                 static_cast<std::uint32_t>(value.data() - line.data()),
             static_cast<std::uint32_t>(value.size())});
        text_.append(line);
    }

    bool is_named(Entry const& entry, std::string_view name) const noexcept {
        return detail::equals_ignoring_case({text_.data() + entry.name, entry.name_size}, name);
    }
    Field field(std::size_t index) const noexcept {
        Entry const& entry = entries_[index];
        return {
            {text_.data() + entry.name, entry.name_size},
            {text_.data() + entry.value, entry.value_size}};
    }

    std::string text_;
    std::vector<Entry> entries_;
};

}  // namespace syncopate::inline v0_1::http
