// RemoteSignature: what a plain function takes and gives, and how it is called in another process.
#pragma once

#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/process/serialization.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

template <class Pointer>
struct RemoteSignature {};

template <class R, class... Parameters>
struct RemoteSignature<R (*)(Parameters...)> {
    using Result = R;
    using Values = std::tuple<std::decay_t<Parameters>...>;
    using Pointer = R (*)(Parameters...);

    /// What a parameter refers to is a copy: a function cannot tell anything by it.
    static constexpr bool has_output =
        ((std::is_lvalue_reference_v<Parameters> &&
          !std::is_const_v<std::remove_reference_t<Parameters>>) ||
         ...);
    static constexpr bool has_serializable_parameters =
        ((is_serializable<std::decay_t<Parameters>> &&
          std::default_initializable<std::decay_t<Parameters>> &&
          std::move_constructible<std::decay_t<Parameters>>) &&
         ...);

    template <class... Args>
    static constexpr bool takes() {
        if constexpr (sizeof...(Args) == sizeof...(Parameters))
            return (std::convertible_to<Args, std::decay_t<Parameters>> && ...);
        else
            return false;
    }

    template <class... Args>
    static Bytes arguments(Args&&... args) {
        Bytes bytes;
        save<std::decay_t<Parameters>...>(
            bytes, as<std::decay_t<Parameters>>(std::forward<Args>(args))...);
        return bytes;
    }

    static RemoteFunction remote(Pointer function) noexcept {
        return {&invoke, reinterpret_cast<RemoteFunction::Plain>(function)};
    }

    /// In the worker.
    static void invoke(
        RemoteFunction::Plain plain, char const* data, std::size_t size, Bytes& result) {
        auto const function = reinterpret_cast<Pointer>(plain);
        Values values;
        std::apply([&](auto&... each) { load(data, size, each...); }, values);
        std::apply(
            [&](auto&... each) {
                if constexpr (std::is_void_v<R>)
                    function(static_cast<Parameters&&>(each)...);
                else
                    save<std::remove_cv_t<R>>(result, function(static_cast<Parameters&&>(each)...));
            },
            values);
    }

private:
    template <class T, class Arg>
    static decltype(auto) as(Arg&& arg) {
        if constexpr (std::same_as<std::remove_cvref_t<Arg>, T>)
            return static_cast<T const&>(arg);
        else
            return static_cast<T>(std::forward<Arg>(arg));
    }
};

template <class R, class... Parameters>
struct RemoteSignature<R (*)(Parameters...) noexcept> : RemoteSignature<R (*)(Parameters...)> {};

/// Of a function, a pointer to one, or a lambda that captures nothing: the pointer.
template <class F>
using PlainPointer = decltype(+std::declval<std::decay_t<F>&>());

template <class F>
using SignatureOf = RemoteSignature<PlainPointer<F>>;

/// What it gives; void for what is no plain function, which is refused elsewhere, in better words.
template <class F>
struct RemoteResultOf {
    using Type = void;
};
template <class F>
    requires requires { typename SignatureOf<F>::Result; }
struct RemoteResultOf<F> {
    using Type = std::remove_cv_t<typename SignatureOf<F>::Result>;
};
template <class F>
using RemoteResult = typename RemoteResultOf<F>::Type;

}  // namespace syncopate::inline v0_1::detail
