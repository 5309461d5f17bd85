// Ring: a bounded queue between one producer and one consumer, each of which may wait for the other.
#pragma once

#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/platform.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Items cross in order. Each side knows its own position exactly, and keeps the last it has seen of the
/// other's, so that the shared cache lines move between the cores once a batch and not once an item. The
/// consumer publishes its position (read_) once a batch: the producer may see less room than there is, never
/// more.
///
/// Memory order. The producer releases `written_` and the consumer acquires it: the item is seen whole. With
/// `read_` it is the other way round: the cell is free before it is written again.
///
/// Sleeping. A side that can do nothing announces that it waits (waiter_, producer_waits_), and then loads the
/// other's position once more. A side that has published its position then loads the other's announcement.
/// Each is a store to one variable and then a load of another, all sequentially consistent. In their single
/// order one of the two stores comes first, and the load that follows the other store sees it. So either the
/// sleeper sees the new position, or the other side sees the announcement, or both. If both, an exchange
/// decides who has the announcement. It needs no order but that of its own variable; but whoever takes a
/// OneShotEvent out of it must find that constructed, so that exchange acquires.
///
/// The consumer loads the announcement only when half of the ring is free, or when it has taken all that it
/// knows of. It never sleeps without having done so after its last item.
template <class T, Platform P = LinuxPlatform>
class Ring {
    using OneShotEvent = BasicOneShotEvent<P>;

public:
    /// capacity: at least 1.
    explicit Ring(std::size_t capacity)
        : capacity_(capacity), batch_((capacity + batches - 1) / batches),
          cells_(std::make_unique<std::optional<T>[]>(capacity)) {}

    // The producer's side.

    bool is_full() noexcept {
        if (written_local_ - read_seen_ < capacity_)
            return false;
        read_seen_ = read_.load(std::memory_order_seq_cst);
        return written_local_ - read_seen_ == capacity_;
    }

    /// Requires that the ring is not full.
    void push(T&& item) {
        cells_[write_index_].emplace(std::move(item));
        write_index_ = next(write_index_);
        written_.store(++written_local_, std::memory_order_seq_cst);
        wake_consumer();
    }

    /// No more items will be pushed.
    void close() noexcept {
        closed_.store(true, std::memory_order_seq_cst);
        wake_consumer();
    }

    /// Announces that the producer waits for room. Returns false if there is some by now. After true, the
    /// consumer's must_wake_producer() tells when to look again, perhaps too early: a consumer that is slow
    /// after a pop may find an announcement that was made since.
    bool producer_waits() noexcept {
        producer_waits_.store(true, std::memory_order_seq_cst);
        if (is_full())
            return true;
        // If the consumer has taken the announcement, it will wake the producer, which so counts as waiting.
        return !producer_waits_.exchange(false, std::memory_order_relaxed);
    }

    // The consumer's side.

    /// Moves the oldest item into an empty optional. Returns false if there is none now.
    bool pop_into(std::optional<T>& item) noexcept(std::is_nothrow_move_constructible_v<T>) {
        if (read_local_ == written_seen_) {
            written_seen_ = written_.load(std::memory_order_acquire);
            if (read_local_ == written_seen_)
                return false;
        }
        std::optional<T>& cell = cells_[read_index_];
        item.emplace(std::move(*cell));
        cell.reset();
        read_index_ = next(read_index_);
        ++read_local_;
        if (read_local_ - read_published_ >= batch_ || read_local_ == written_seen_) {
            read_published_ = read_local_;
            read_.store(read_local_, std::memory_order_seq_cst);
        }
        return true;
    }

    /// After a pop: whether the producer waits for room, and so much is free that it is worth waking. After
    /// true, the caller must wake it.
    bool must_wake_producer() noexcept {
        if (read_published_ != read_local_)
            return false;
        if (read_local_ - woken_at_ < (capacity_ + 1) / 2 && read_local_ != written_seen_)
            return false;
        woken_at_ = read_local_;
        return producer_waits_.load(std::memory_order_seq_cst) &&
               producer_waits_.exchange(false, std::memory_order_relaxed);
    }

    bool has_items() noexcept {
        written_seen_ = written_.load(std::memory_order_seq_cst);
        return read_local_ != written_seen_;
    }

    /// Whether no more items will be pushed. All that were pushed can be seen after true.
    bool is_closed() const noexcept { return closed_.load(std::memory_order_seq_cst); }

    /// Calls `block`, which waits for the event, unless there is an item or the ring is closed. The event is
    /// set when that is so.
    template <class Block>
    void wait_for_item(OneShotEvent& event, Block block) {
        waiter_.store(&event, std::memory_order_seq_cst);
        // If the announcement cannot be taken back, the producer has it, and is about to set the event.
        if ((has_items() || is_closed()) &&
            waiter_.exchange(nullptr, std::memory_order_relaxed) == &event)
            return;
        block();
    }

private:
    std::size_t next(std::size_t index) const noexcept {
        return index + 1 == capacity_ ? 0 : index + 1;
    }

    void wake_consumer() noexcept {
        if (waiter_.load(std::memory_order_seq_cst) == nullptr)
            return;
        if (OneShotEvent* const event = waiter_.exchange(nullptr, std::memory_order_acquire))
            event->set();
    }

    static constexpr std::size_t batches = 8;

    std::size_t const capacity_;
    std::size_t const batch_;
    std::unique_ptr<std::optional<T>[]> const cells_;

    alignas(cache_line) Atomic<P, std::size_t> written_{0};
    Atomic<P, bool> closed_{false};
    alignas(cache_line) Atomic<P, std::size_t> read_{0};
    alignas(cache_line) Atomic<P, OneShotEvent*> waiter_{nullptr};
    Atomic<P, bool> producer_waits_{false};

    // Used by the producer only.
    alignas(cache_line) std::size_t written_local_ = 0;
    std::size_t write_index_ = 0;
    std::size_t read_seen_ = 0;

    // Used by the consumer only.
    alignas(cache_line) std::size_t read_local_ = 0;
    std::size_t read_published_ = 0;
    std::size_t read_index_ = 0;
    std::size_t written_seen_ = 0;
    std::size_t woken_at_ = 0;
};

}  // namespace syncopate::inline v0_1::detail
