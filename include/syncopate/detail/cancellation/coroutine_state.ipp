// The functions of CoroutineState.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/separate.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(defer.hpp)
#include SYNCOPATE_ASIO(io_context.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL bool CoroutineState::awaits_post() const {
    auto const& here = executor();
    auto const is_top = [code = FrameAccess::code(Access::top(bottom_))](auto&&... posts) {
        return ((code == Access::code_of(posts)) || ...);
    };
    if (is_top(
            asio::post(asio::use_awaitable), asio::post(here, asio::use_awaitable),
            asio::defer(asio::use_awaitable), asio::defer(here, asio::use_awaitable)))
        return true;
    auto const* const io = here.target<asio::io_context::executor_type>();
    return io && is_top(asio::post(*io, asio::use_awaitable));
}

}  // namespace syncopate::inline v0_1::detail
