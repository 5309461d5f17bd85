// FiberStack: a stack of its own for a function, and the way there and back.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <boost/context/stack_context.hpp>

#include <cstddef>

// There with the sanitizers only, which have to be told of each change of the stack. Where they are not, these are null.
// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): the names are theirs
extern "C" {
[[gnu::weak]] void __sanitizer_start_switch_fiber(void**, void const*, std::size_t);
[[gnu::weak]] void __sanitizer_finish_switch_fiber(void*, void const**, std::size_t*);
[[gnu::weak]] void __asan_unpoison_memory_region(void const volatile*, std::size_t);
[[gnu::weak]] void* __tsan_get_current_fiber();
[[gnu::weak]] void* __tsan_create_fiber(unsigned);
[[gnu::weak]] void __tsan_destroy_fiber(void*);
[[gnu::weak]] void __tsan_switch_to_fiber(void*, unsigned);
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

namespace syncopate::inline v0_1::detail {

/// Below the stack is a page that may not be touched, so that too deep a recursion ends as it does on a thread.
class FiberStack {
public:
    /// function: called on the stack by the first resume(). Must not throw.
    /// Throws:   std::bad_alloc.
    FiberStack(std::size_t size, void (*function)(void*), void* argument)
        : memory_(size), stack_(memory_.allocate()), function_(function), argument_(argument),
          context_(boost::context::detail::make_fcontext(stack_.sp, stack_.size, &run)) {
        if (__asan_unpoison_memory_region)
            __asan_unpoison_memory_region(bottom(), stack_.size);
        if (__tsan_create_fiber)
            for_tsan_ = __tsan_create_fiber(0);
    }
    FiberStack(FiberStack const&) = delete;
    FiberStack& operator=(FiberStack const&) = delete;
    ~FiberStack() {
        if (__tsan_destroy_fiber)
            __tsan_destroy_fiber(for_tsan_);
        memory_.deallocate(stack_);
    }

    bool has_begun() const noexcept { return has_begun_; }
    bool has_ended() const noexcept { return has_ended_; }

    /// Goes on with the function, until that calls suspend() or returns.
    [[gnu::noinline]] void resume() noexcept {
        has_begun_ = true;
        void* own_frames = nullptr;
        if (__sanitizer_start_switch_fiber)
            __sanitizer_start_switch_fiber(&own_frames, bottom(), stack_.size);
        if (__tsan_switch_to_fiber) {
            resumer_for_tsan_ = __tsan_get_current_fiber();
            __tsan_switch_to_fiber(for_tsan_, 0);
        }
        context_ = boost::context::detail::jump_fcontext(context_, this).fctx;
        if (__sanitizer_finish_switch_fiber)
            __sanitizer_finish_switch_fiber(own_frames, nullptr, nullptr);
    }

    /// On the stack: goes back to whoever has called resume(), until the next call, perhaps on another thread.
    [[gnu::noinline]] void suspend() noexcept {
        void* own_frames = nullptr;
        leave(&own_frames);
        arrive(own_frames, boost::context::detail::jump_fcontext(resumer_, nullptr));
    }

private:
    static void run(boost::context::detail::transfer_t from) noexcept {
        auto& self = *static_cast<FiberStack*>(from.data);
        self.arrive(nullptr, from);
        self.function_(self.argument_);
        self.has_ended_ = true;
        self.leave(nullptr);
        boost::context::detail::jump_fcontext(self.resumer_, nullptr);
    }

    // ThreadSanitizer follows each call on the stack that it takes for the current one: so nothing is called in between
    // that it sees.
    [[gnu::always_inline]] void leave(void** own_frames) noexcept {
        if (__sanitizer_start_switch_fiber)
            __sanitizer_start_switch_fiber(own_frames, resumer_bottom_, resumer_size_);
        if (__tsan_switch_to_fiber)
            __tsan_switch_to_fiber(resumer_for_tsan_, 0);
    }
    void arrive(void* own_frames, boost::context::detail::transfer_t from) noexcept {
        resumer_ = from.fctx;
        if (__sanitizer_finish_switch_fiber)
            __sanitizer_finish_switch_fiber(own_frames, &resumer_bottom_, &resumer_size_);
    }

    void const* bottom() const noexcept {
        return static_cast<std::byte const*>(stack_.sp) - stack_.size;
    }

    boost::context::protected_fixedsize_stack memory_;
    boost::context::stack_context stack_;
    void (*const function_)(void*);
    void* const argument_;
    boost::context::detail::fcontext_t context_;
    boost::context::detail::fcontext_t resumer_ = nullptr;
    void const* resumer_bottom_ = nullptr;
    std::size_t resumer_size_ = 0;
    void* for_tsan_ = nullptr;
    void* resumer_for_tsan_ = nullptr;
    bool has_begun_ = false;
    bool has_ended_ = false;
};

}  // namespace syncopate::inline v0_1::detail
