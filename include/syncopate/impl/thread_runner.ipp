// The functions of ThreadRunner, and the loop behind it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/loop/thread_loop.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>

#include SYNCOPATE_ASIO(io_context.hpp)

#include <memory>
#include <utility>

namespace syncopate::inline v0_1 {

SYNCOPATE_DECL ThreadRunner::ThreadRunner() : ThreadRunner(Options()) {}

SYNCOPATE_DECL ThreadRunner::ThreadRunner(Options options)
    : ThreadRunner(detail::ThreadLoop::create(std::move(options))) {}

SYNCOPATE_DECL asio::io_context& ThreadRunner::get_loop() {
    thread_loop_->prepare();
    return thread_loop_->context();
}

SYNCOPATE_DECL void ThreadRunner::restart_after_fork() {
    if (!thread_loop_->was_forked())
        return;
    auto fresh = detail::ThreadLoop::create(thread_loop_->options());
    auto* const thread_loop = fresh.get();
    replace_forked(std::move(fresh));
    thread_loop_ = thread_loop;
}

SYNCOPATE_DECL ThreadRunner::ThreadRunner(std::shared_ptr<detail::ThreadLoop> loop)
    : RunnerBase(loop), thread_loop_(loop.get()) {}

}  // namespace syncopate::inline v0_1
