// Libidn2: makes the name of a host that is not ASCII one that DNS knows: "bücher.example", "xn--bcher-kva.example".
#pragma once

#include <syncopate/detail/system/system.hpp>

#include <memory>
#include <optional>
#include <string>

namespace syncopate::inline v0_1::http::detail {

/// The library of that name, loaded when the first such name comes: few programs meet one, and none has to be linked
/// with it.
///
/// Threads: any.
class Libidn2 {
public:
    /// Null if the library is not installed.
    static Libidn2 const* get() noexcept {
        static Libidn2 const library;
        return library.to_ascii_ && library.free_ ? &library : nullptr;
    }

    /// The name in lower case, as IDNA 2008 and UTS 46 have it, like curl and browsers; nothing if it is no name. It may
    /// hold any ASCII, since there are characters that stand for others: "℀" for "a/c".
    ///
    /// name:      UTF-8, without a zero byte.
    std::optional<std::string> to_ascii(std::string const& name) const {
        constexpr int nfc_input = 1;
        constexpr int non_transitional = 8;
        char* found = nullptr;
        int const error = to_ascii_(name.c_str(), &found, nfc_input | non_transitional);
        std::unique_ptr<char, Free*> const owned(found, free_);
        if (error != 0 || !found)
            return std::nullopt;
        return std::string(found);
    }

private:
    using ToAscii = int(char const*, char**, int);
    using Free = void(void*);

    Libidn2() noexcept {
        void* const library = ::syncopate::detail::system::load_library("idn2", "0");
        if (!library)
            return;
        to_ascii_ =
            ::syncopate::detail::system::find_function<ToAscii>(library, "idn2_to_ascii_8z");
        free_ = ::syncopate::detail::system::find_function<Free>(library, "idn2_free");
    }

    ToAscii* to_ascii_ = nullptr;
    Free* free_ = nullptr;
};

}  // namespace syncopate::inline v0_1::http::detail
