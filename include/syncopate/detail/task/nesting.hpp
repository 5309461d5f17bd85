// Nesting: how many coroutines the calling thread has started or resumed inside one another.
#pragma once

namespace syncopate::inline v0_1::detail {

/// A task that starts another runs it inside that call, up to its first suspension, and the last to end resumes
/// whoever waits. Each such step takes some of the thread's stack. So a chain of them goes on in a new handler of
/// the loop when it has become long.
class [[gnu::visibility("default")]] Nesting {
public:
    Nesting() noexcept : depth_(++depth()) {}
    Nesting(Nesting const&) = delete;
    Nesting& operator=(Nesting const&) = delete;
    ~Nesting() { --depth(); }

    /// Whether the next step is to be taken in a handler of its own.
    bool is_too_deep() const noexcept { return depth_ > most; }

private:
    static constexpr int most = 64;

    // Not inlined: Clang keeps the address of a thread_local object in a coroutine's frame, also over a suspension
    // after which another thread goes on.
    [[gnu::noinline]] static int& depth() noexcept {
        static thread_local int depth = 0;
        return depth;
    }
    friend class FiberLocals;

    int const depth_;
};

}  // namespace syncopate::inline v0_1::detail
