// Coroutines of another library, as users have them: a lazy task, a generator that is awaited, and awaiters.
#pragma once

#include "support/audit.hpp"

#include <chrono>
#include <coroutine>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

namespace support::foreign {

template <class Promise>
class Frame {
public:
    explicit Frame(Promise& promise)
        : handle(std::coroutine_handle<Promise>::from_promise(promise)) {}
    Frame(Frame&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
    Frame& operator=(Frame&&) = delete;
    ~Frame() {
        if (handle)
            handle.destroy();
    }

    std::coroutine_handle<Promise> handle;
};

struct PromiseBase {
    struct HandOver {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
            return self.promise().continuation;
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    HandOver final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }

    std::coroutine_handle<> continuation;
    std::exception_ptr error;
};

/// Starts when it is awaited, and goes on in whoever resumes it.
template <class T>
class Task {
public:
    struct promise_type : PromiseBase {
        Task get_return_object() { return Task(*this); }
        template <class U>
        void return_value(U&& result) {
            value.emplace(std::forward<U>(result));
        }
        std::optional<T> value;
    };

    auto operator co_await() && {
        struct Awaiter {
            std::coroutine_handle<promise_type> self;
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
                self.promise().continuation = awaiting;
                return self;
            }
            T&& await_resume() const {
                if (self.promise().error)
                    std::rethrow_exception(self.promise().error);
                return std::move(*self.promise().value);
            }
        };
        return Awaiter{frame_.handle};
    }

private:
    explicit Task(promise_type& promise) : frame_(promise) {}

    Frame<promise_type> frame_;
    Tracked tracked_{1};
};

/// Its begin() and the iterator's ++ are awaited.
template <class T>
class Generator {
public:
    struct promise_type : PromiseBase {
        Generator get_return_object() { return Generator(*this); }
        HandOver yield_value(T& yielded) noexcept {
            value = &yielded;
            return {};
        }
        HandOver yield_value(T&& yielded) noexcept {
            value = &yielded;
            return {};
        }
        void return_void() noexcept {}
        T* value = nullptr;
    };

    class iterator {
    public:
        explicit iterator(std::coroutine_handle<promise_type> at) : self(at) {}
        auto operator++() noexcept { return Advance<iterator&>{self, this}; }
        T& operator*() const noexcept { return *self.promise().value; }
        bool operator==(iterator const& other) const noexcept { return self == other.self; }

    private:
        friend class Generator;
        std::coroutine_handle<promise_type> self;
    };

    auto begin() noexcept { return Advance<iterator>{frame_.handle, nullptr}; }
    iterator end() noexcept { return iterator(nullptr); }

private:
    template <class Result>
    struct Advance {
        std::coroutine_handle<promise_type> self;
        iterator* position;

        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
            self.promise().continuation = awaiting;
            return self;
        }
        Result await_resume() const {
            if (self.promise().error)
                std::rethrow_exception(self.promise().error);
            auto const now = self.done() ? nullptr : self;
            if constexpr (std::is_reference_v<Result>) {
                position->self = now;
                return *position;
            } else {
                return iterator(now);
            }
        }
    };

    explicit Generator(promise_type& promise) : frame_(promise) {}

    Frame<promise_type> frame_;
};

/// Goes on in a new thread.
struct OnNewThread {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
        std::thread([awaiting] { awaiting.resume(); }).detach();
    }
    std::thread::id await_resume() const noexcept { return std::this_thread::get_id(); }
};

/// Goes on where somebody resumes what it has kept.
struct Kept {
    std::coroutine_handle<>* place;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const noexcept { *place = awaiting; }
    int await_resume() const noexcept { return 7; }
};

}  // namespace support::foreign
