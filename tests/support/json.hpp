// Json: a value of a text that is JSON and nothing else, as RFC 8259 has it.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

struct Json {
    enum class Type { null, boolean, number, string, array, object } type = Type::null;
    double number = 0;
    std::string string;
    std::vector<Json> array;
    std::map<std::string, Json> object;

    /// Throws: std::runtime_error if the text is anything but one value.
    static Json parse(std::string_view text);

    /// Throws: std::out_of_range if there is none.
    Json const& operator[](std::string const& name) const { return object.at(name); }
    bool has(std::string const& name) const { return object.count(name) != 0; }
};

/// Gives strings as they stand, but for the escapes that it decodes; those beyond ASCII are kept as "\uXXXX".
class JsonParser {
public:
    explicit JsonParser(std::string_view text) : text_(text) {}

    Json all() {
        Json value = next();
        skip_space();
        require(text_.empty(), "the end");
        return value;
    }

private:
    Json next() {
        skip_space();
        require(!text_.empty(), "a value");
        Json value;
        switch (text_.front()) {
        case '{': read_object(value); break;
        case '[': read_array(value); break;
        case '"':
            value.type = Json::Type::string;
            value.string = read_string();
            break;
        case 't': read_word(value, "true", Json::Type::boolean); break;
        case 'f': read_word(value, "false", Json::Type::boolean); break;
        case 'n': read_word(value, "null", Json::Type::null); break;
        default: read_number(value);
        }
        return value;
    }

    void read_object(Json& value) {
        value.type = Json::Type::object;
        take('{');
        if (is_taken('}'))
            return;
        do {
            skip_space();
            auto name = read_string();
            take(':');
            require(value.object.emplace(std::move(name), next()).second, "another name");
        } while (is_taken(','));
        take('}');
    }

    void read_array(Json& value) {
        value.type = Json::Type::array;
        take('[');
        if (is_taken(']'))
            return;
        do
            value.array.push_back(next());
        while (is_taken(','));
        take(']');
    }

    void read_word(Json& value, std::string_view word, Json::Type type) {
        require(text_.substr(0, word.size()) == word, word);
        text_.remove_prefix(word.size());
        value.type = type;
        value.number = word == "true";
    }

    void read_number(Json& value) {
        auto const before = text_;
        if (text_.front() == '-')
            text_.remove_prefix(1);
        if (!text_.empty() && text_.front() == '0')
            text_.remove_prefix(1);
        else
            read_digits();
        if (!text_.empty() && text_.front() == '.') {
            text_.remove_prefix(1);
            read_digits();
        }
        value.type = Json::Type::number;
        std::string const digits(before.substr(0, before.size() - text_.size()));
        value.number = std::strtod(digits.c_str(), nullptr);
    }

    void read_digits() {
        require(!text_.empty() && is_digit(text_.front()), "a digit");
        while (!text_.empty() && is_digit(text_.front()))
            text_.remove_prefix(1);
    }

    std::string read_string() {
        std::string string;
        require(!text_.empty() && text_.front() == '"', "a string");
        text_.remove_prefix(1);
        for (;;) {
            require(!text_.empty(), "the end of a string");
            char const next = text_.front();
            text_.remove_prefix(1);
            if (next == '"')
                return string;
            require(static_cast<unsigned char>(next) >= 0x20, "no control character");
            string += next == '\\' ? read_escape() : std::string(1, next);
        }
    }

    std::string read_escape() {
        require(!text_.empty(), "an escape");
        char const which = text_.front();
        text_.remove_prefix(1);
        if (which == '"' || which == '\\' || which == '/')
            return {which};
        require(which == 'u' && text_.size() >= 4, "an escape");
        std::string const digits(text_.substr(0, 4));
        for (char const digit : digits)
            require(std::isxdigit(static_cast<unsigned char>(digit)) != 0, "a digit");
        text_.remove_prefix(4);
        auto const code = std::strtoul(digits.c_str(), nullptr, 16);
        return code < 0x80 ? std::string(1, static_cast<char>(code)) : "\\u" + digits;
    }

    static bool is_digit(char character) { return character >= '0' && character <= '9'; }

    void take(char character) {
        skip_space();
        require(!text_.empty() && text_.front() == character, {&character, 1});
        text_.remove_prefix(1);
    }
    bool is_taken(char character) {
        skip_space();
        bool const is_next = !text_.empty() && text_.front() == character;
        text_.remove_prefix(is_next ? 1 : 0);
        return is_next;
    }

    void skip_space() {
        text_.remove_prefix((std::min)(text_.find_first_not_of(" \t\r\n"), text_.size()));
    }

    void require(bool is_so, std::string_view expected) const {
        if (!is_so)
            throw std::runtime_error(
                "no JSON: not " + std::string(expected) + " at \"" +
                std::string(text_.substr(0, 20)) + '"');
    }

    std::string_view text_;
};

inline Json Json::parse(std::string_view text) {
    return JsonParser(text).all();
}

}  // namespace support
