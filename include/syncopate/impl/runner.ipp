// The functions of Runner, and the loop behind it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/loop/caller_loop.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>

#include SYNCOPATE_ASIO(io_context.hpp)

#include <memory>
#include <utility>

namespace syncopate::inline v0_1 {

SYNCOPATE_DECL Runner::Runner(Options options)
    : Runner(detail::CallerLoop::create(std::move(options))) {}

SYNCOPATE_DECL asio::io_context& Runner::get_loop() {
    return loop_.open_context();
}

SYNCOPATE_DECL Runner::Runner(std::shared_ptr<detail::CallerLoop> loop)
    : RunnerBase(loop), loop_(*loop) {}

}  // namespace syncopate::inline v0_1
