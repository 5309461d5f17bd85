// is_serializable: whether Boost.Serialization knows a type. save(), load(): values as bytes, and back.
#pragma once

#include <syncopate/detail/process/process_protocol.hpp>

#include <boost/archive/archive_exception.hpp>
#include <boost/archive/basic_archive.hpp>
#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/serialization/array.hpp>
#include <boost/serialization/deque.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/level_enum.hpp>
#include <boost/serialization/list.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/set.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/unordered_map.hpp>
#include <boost/serialization/unordered_set.hpp>
#include <boost/serialization/utility.hpp>
#include <boost/serialization/vector.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <ranges>
#include <streambuf>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Finds out which function serialize() a type has. Boost has one for every type, which calls a member function and
/// fails inside where there is none. Beside one that is as general, only those win that somebody has written for the
/// type.
namespace serialization_probe {

struct Archive {};

template <class AnyArchive, class T>
void serialize(AnyArchive&, T&, unsigned);

template <class T>
concept HasFunction = requires(Archive& archive, T& value) {
    serialize(archive, value, boost::serialization::version_type(0));
};

struct Other {
    int serialize;
};
template <class T>
struct Both : T, Other {};

/// Also a private one: two members of the name are ambiguous. A final class cannot be asked, and Boost tells.
template <class T>
concept HasMember =
    std::is_class_v<T> && (std::is_final_v<T> || !requires { &Both<T>::serialize; });

}  // namespace serialization_probe

template <class T>
constexpr bool is_primitive = boost::serialization::implementation_level<T>::type::value ==
                              boost::serialization::primitive_type;

template <class T>
constexpr bool is_serializable =
    is_primitive<T> || serialization_probe::HasFunction<T> || serialization_probe::HasMember<T>;

template <class T>
    requires(!std::is_object_v<T> || std::is_pointer_v<T> || std::is_member_pointer_v<T> ||
             std::is_null_pointer_v<T>)
constexpr bool is_serializable<T> = false;

template <class First, class Second>
constexpr bool is_serializable<std::pair<First, Second>> =
    is_serializable<std::remove_const_t<First>> && is_serializable<std::remove_const_t<Second>>;

template <class T>
    requires(std::ranges::range<T> && serialization_probe::HasFunction<T> && !is_primitive<T> &&
             !std::same_as<std::ranges::range_value_t<T>, T>)
constexpr bool is_serializable<T> = is_serializable<std::ranges::range_value_t<T>>;

/// What is copied as it is, without an archive, which takes longer to make than a small call.
template <class T>
constexpr bool is_plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class BytesWriter final : public std::streambuf {
public:
    explicit BytesWriter(Bytes& bytes) noexcept : bytes_(bytes) {}

private:
    int_type overflow(int_type character) override {
        if (!traits_type::eq_int_type(character, traits_type::eof()))
            bytes_.push_back(traits_type::to_char_type(character));
        return traits_type::not_eof(character);
    }
    std::streamsize xsputn(char const* data, std::streamsize size) override {
        bytes_.insert(bytes_.end(), data, data + size);
        return size;
    }

    Bytes& bytes_;
};

class BytesReader final : public std::streambuf {
public:
    BytesReader(char const* data, std::size_t size) noexcept {
        auto* const begin = const_cast<char*>(data);  // it is only read
        setg(begin, begin, begin + size);
    }
};

constexpr unsigned archive_flags = boost::archive::no_header | boost::archive::no_codecvt;

/// Appends the values.
template <class... T>
void save(Bytes& bytes, T const&... values) {
    if constexpr ((is_plain<T> && ...)) {
        auto const append = [&bytes](auto const& value) {
            auto const* const data = reinterpret_cast<char const*>(&value);
            bytes.insert(bytes.end(), data, data + sizeof value);
        };
        (append(values), ...);
    } else {
        BytesWriter buffer(bytes);
        boost::archive::binary_oarchive archive(buffer, archive_flags);
        (archive << ... << values);
    }
}

/// Throws: boost::archive::archive_exception if the bytes are none of these values.
template <class... T>
void load(char const* data, std::size_t size, T&... values) {
    if constexpr ((is_plain<T> && ...)) {
        if (size != (sizeof(T) + ... + 0U))
            throw boost::archive::archive_exception(
                boost::archive::archive_exception::input_stream_error);
        [[maybe_unused]] auto const take = [&data](auto& value) {
            std::memcpy(&value, data, sizeof value);
            data += sizeof value;
        };
        (take(values), ...);
    } else {
        BytesReader buffer(data, size);
        boost::archive::binary_iarchive archive(buffer, archive_flags);
        (archive >> ... >> values);
    }
}

}  // namespace syncopate::inline v0_1::detail
