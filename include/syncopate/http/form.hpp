// FieldRange, form_encoded(): the fields of an HTML form as the body of a request.
#pragma once

#include <syncopate/http/detail/url/percent_encoding.hpp>

#include <concepts>
#include <ranges>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http {

/// Pairs of a name and a value, in whichever container.
template <class Fields>
concept FieldRange =
    std::ranges::input_range<Fields> && requires(std::ranges::range_reference_t<Fields> field) {
        { field.first } -> std::convertible_to<std::string_view>;
        { field.second } -> std::convertible_to<std::string_view>;
    };

/// Writes pairs of a name and a value as a body of application/x-www-form-urlencoded.
///
/// fields:    usually UTF-8, but any byte is possible.
/// Semantics: the URL standard's serializer for application/x-www-form-urlencoded.
template <FieldRange Fields>
std::string form_encoded(Fields&& fields) {
    std::string form;
    bool is_first = true;
    for (auto&& field : fields) {
        if (!is_first)
            form += '&';
        is_first = false;
        detail::append_form_escaped(form, field.first);
        form += '=';
        detail::append_form_escaped(form, field.second);
    }
    return form;
}

}  // namespace syncopate::inline v0_1::http
