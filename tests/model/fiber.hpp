// A function with a stack of its own, which can be left in the middle and gone on with later.
#pragma once

#include <cstddef>
#include <memory>

#include <ucontext.h>

namespace model {

/// Also stands for the thread on which it all happens, which needs no start().
class Fiber {
public:
    /// Makes it begin anew, when it is next switched to. What its last function has left on the stack
    /// is forgotten, without being destroyed. The function must not return.
    void start(void (*function)()) {
        if (!stack_)
            stack_ = std::make_unique<std::byte[]>(stack_size);
        ::getcontext(&context_);
        context_.uc_stack.ss_sp = stack_.get();
        context_.uc_stack.ss_size = stack_size;
        context_.uc_link = nullptr;
        ::makecontext(&context_, function, 0);
    }

    void switch_to(Fiber& other) { ::swapcontext(&context_, &other.context_); }

private:
    static constexpr std::size_t stack_size = 128 * 1024;

    ucontext_t context_{};
    std::unique_ptr<std::byte[]> stack_{};
};

}  // namespace model
