// Links, Link: what the fields Link of a response refer to, RFC 8288: the next page, for example.
#pragma once

#include <syncopate/http/headers.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

class Links;

/// One link: where it leads, and how that is related to the response.
class Link {
public:
    /// Gives the URL, absolute: a relative one is one from the response's URL. What is no http or ws URL is given as the
    /// server wrote it.
    std::string const& url() const noexcept { return url_; }
    /// Gives the relations as the server wrote them, with spaces between several: "next", "prev start". May be empty.
    std::string_view rel() const noexcept;

    /// Returns whether it has the relation, in whatever case.
    bool has_rel(std::string_view relation) const noexcept;

    /// Gives a parameter, such as "title" or "type"; nothing if it is missing. One that is written as RFC 8187 has it, for
    /// what is not ASCII, is decoded, and goes first.
    std::optional<std::string> parameter(std::string_view name) const;

private:
    friend class Links;

    std::optional<std::string_view> value_of(std::string_view name) const noexcept;

    /// "UTF-8'en'%e2%82%ac"; nothing in another character set.
    static std::optional<std::string> decoded_value(std::string_view text);

    std::string url_;
    std::vector<std::pair<std::string, std::string>> parameters_;
};

/// The links of a response, in their order: a range of Link. What is not written as RFC 8288 has it is passed over.
///
/// ```cpp
/// std::string const next = response.links()["next"];
/// ```
///
/// Semantics: `links` of requests.Response.
class Links {
public:
    /// Reads the fields Link of a header.
    ///
    /// base:      the URL of the response.
    Links(Headers const& headers, std::string const& base);

    /// Gives the place of the first link.
    auto begin() const noexcept { return links_.begin(); }
    /// Gives the place behind the last link.
    auto end() const noexcept { return links_.end(); }
    std::size_t size() const noexcept { return links_.size(); }
    bool empty() const noexcept { return links_.empty(); }

    /// Gives the first link with the relation that is one of the response itself, and of no other resource (`anchor`); null
    /// if there is none.
    Link const* find(std::string_view relation) const& noexcept;
    Link const* find(std::string_view relation) && = delete;  // it would outlive the links

    /// Returns whether there is a link with the relation: see find().
    bool contains(std::string_view relation) const noexcept;

    /// Gives the URL of the link with the relation; empty if there is none: see find().
    std::string operator[](std::string_view relation) const;

private:
    /// RFC 8288, B.2. Returns whether there may be another one.
    bool read_link(std::string_view& left, std::string const& base);

    static std::string resolved(std::string_view reference, std::string const& base);

    /// Takes it off, up to the next semicolon or comma. Returns whether there was one: false at a comma, or at the end.
    static bool read_parameter(
        std::string_view& left, std::vector<std::pair<std::string, std::string>>& parameters);

    /// Behind the parameters of a link there is a comma. What else stands before it belongs to nothing.
    static bool skip_to_comma(std::string_view& left) noexcept;

    /// Takes the value of a parameter, which begins with the equals sign.
    static std::string take_value(std::string_view& left);

    std::vector<Link> links_;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/links.ipp>
#endif
