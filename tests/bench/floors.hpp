// What the machine and the kernel allow, without any library: two threads, and what lies between them.
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>
#include <thread>
#include <vector>

#include <linux/futex.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bench {

/// A flag that one thread raises and another waits for and lowers.
class SpunFlag {
public:
    void raise() noexcept { word_.store(1, std::memory_order_release); }
    void await() noexcept {
        while (word_.load(std::memory_order_acquire) == 0)
            __builtin_ia32_pause();
        word_.store(0, std::memory_order_relaxed);
    }

private:
    alignas(64) std::atomic<std::uint32_t> word_{0};
};

class FutexFlag {
public:
    void raise() noexcept {
        word_.store(1, std::memory_order_release);
        ::syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
    }
    void await() noexcept {
        while (word_.load(std::memory_order_acquire) == 0)
            ::syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
        word_.store(0, std::memory_order_relaxed);
    }

private:
    alignas(64) std::atomic<std::uint32_t> word_{0};
};

/// As an event loop is woken.
class EventFlag {
public:
    EventFlag() {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &event);
    }
    EventFlag(EventFlag const&) = delete;
    EventFlag& operator=(EventFlag const&) = delete;
    ~EventFlag() {
        ::close(event_);
        ::close(epoll_);
    }
    void raise() noexcept {
        std::uint64_t const one = 1;
        static_cast<void>(!::write(event_, &one, sizeof one));
    }
    void await() noexcept {
        epoll_event event;
        ::epoll_wait(epoll_, &event, 1, -1);
        std::uint64_t count = 0;
        static_cast<void>(!::read(event_, &count, sizeof count));
    }

private:
    int const event_ = ::eventfd(0, EFD_NONBLOCK);
    int const epoll_ = ::epoll_create1(0);
};

/// One caller, one server, a flag each way.
template <class Request, class Reply>
class Pair {
public:
    Pair() = default;
    Pair(Pair const&) = delete;
    Pair& operator=(Pair const&) = delete;
    ~Pair() {
        stop_ = true;
        request_.raise();
        thread_.join();
    }

    int call(int value) {
        value_ = value;
        request_.raise();
        reply_.await();
        return value_;
    }

private:
    void serve() {
        for (;;) {
            request_.await();
            if (stop_)
                return;
            value_ *= 2;
            reply_.raise();
        }
    }

    Request request_;
    Reply reply_;
    alignas(64) int value_ = 0;
    bool stop_ = false;
    std::thread thread_{[this] { serve(); }};
};

using SpinningPair = Pair<SpunFlag, SpunFlag>;
using FutexPair = Pair<FutexFlag, FutexFlag>;
using EventPair = Pair<EventFlag, FutexFlag>;

/// A lock-free queue of callers, in which each side pauses, yields, and then sleeps. What many callers
/// cost before an event loop or a coroutine is added.
class YieldingQueue {
    struct Node {
        Node* next;
        int value;
        std::atomic<std::uint32_t> done{0};  // 1: it is, 2: its caller sleeps
    };

    static constexpr int pauses = 20;
    static constexpr int yields = 32;

public:
    YieldingQueue() = default;
    YieldingQueue(YieldingQueue const&) = delete;
    YieldingQueue& operator=(YieldingQueue const&) = delete;
    ~YieldingQueue() {
        stop_ = true;
        asleep_ = 0;
        wake(asleep_);
        thread_.join();
    }

    int call(int value) {
        Node node{head_.load(std::memory_order_relaxed), value};
        while (!head_.compare_exchange_weak(node.next, &node)) {
        }
        bool const woke = asleep_.load() && asleep_.exchange(0);
        if (woke)
            wake(asleep_);
        for (int step = woke ? pauses : 0; step < pauses + yields; ++step) {
            if (node.done.load(std::memory_order_acquire) == 1)
                return node.value;
            rest(step);
        }
        std::uint32_t pending = 0;
        if (node.done.compare_exchange_strong(pending, 2))
            while (node.done.load(std::memory_order_acquire) == 2)
                sleep(node.done, 2);
        return node.value;
    }

private:
    static void rest(int step) noexcept {
        if (step < pauses)
            __builtin_ia32_pause();
        else
            ::sched_yield();
    }
    static void sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
        ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
    }
    static void wake(std::atomic<std::uint32_t>& word) noexcept {
        ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
    }

    Node* take() noexcept {
        for (int step = 0; step <= pauses + yields; ++step) {
            if (head_.load(std::memory_order_relaxed))
                return head_.exchange(nullptr, std::memory_order_acquire);
            rest(step);
        }
        return nullptr;
    }

    void serve() {
        while (!stop_) {
            Node* all = take();
            if (!all) {
                asleep_ = 1;
                if (!head_.load() && !stop_)
                    sleep(asleep_, 1);
                asleep_ = 0;
            }
            while (all) {
                Node* const node = all;
                all = node->next;
                node->value *= 2;
                if (node->done.exchange(1, std::memory_order_acq_rel) == 2)
                    wake(node->done);
            }
        }
    }

    alignas(64) std::atomic<Node*> head_{nullptr};
    alignas(64) std::atomic<std::uint32_t> asleep_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_{[this] { serve(); }};
};

/// A ring of 1,024 ints between two spinning threads that tell their position every 64 items.
class SpinningRing {
public:
    SpinningRing() = default;
    SpinningRing(SpinningRing const&) = delete;
    SpinningRing& operator=(SpinningRing const&) = delete;
    ~SpinningRing() {
        wanted_ = -1;
        thread_.join();
    }

    long stream(int count) {
        written_ = read_ = 0;
        wanted_ = count;
        long sum = 0;
        long written = 0;
        for (long i = 0; i < count; ++i) {
            while (i >= written &&
                   (written = written_.load(std::memory_order_acquire), i >= written))
                __builtin_ia32_pause();
            sum += cells_[i % size];
            if ((i + 1) % batch == 0)
                read_.store(i + 1, std::memory_order_release);
        }
        return sum;
    }

private:
    static constexpr long size = 1024;
    static constexpr long batch = 64;

    void serve() {
        for (;;) {
            long count = 0;
            while ((count = wanted_.exchange(0)) == 0)
                __builtin_ia32_pause();
            if (count < 0)
                return;
            produce(count);
        }
    }

    void produce(long count) {
        long read = 0;
        for (long i = 0; i < count; ++i) {
            while (i - read >= size &&
                   (read = read_.load(std::memory_order_acquire), i - read >= size))
                __builtin_ia32_pause();
            cells_[i % size] = static_cast<int>(i);
            if ((i + 1) % batch == 0 || i + 1 == count)
                written_.store(i + 1, std::memory_order_release);
        }
    }

    int cells_[size];
    alignas(64) std::atomic<long> written_{0};
    alignas(64) std::atomic<long> read_{0};
    alignas(64) std::atomic<long> wanted_{0};
    std::thread thread_{[this] { serve(); }};
};

}  // namespace bench
