// A bounded ring between one producer and one consumer, each of which may wait for the other.
#pragma once

#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/platform.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace syncopate::detail {

/// Items cross in order. Each side knows its own position exactly and keeps the last it saw of the
/// other's, so that the shared lines move between the cores once a batch and not once an item.
///
/// Memory order. `written_` is released by the producer and acquired by the consumer: the item is seen
/// whole. `read_` goes the other way: the cell is free before it is written again.
///
/// The consumer tells what it has taken a batch at a time, so the producer may see less room than
/// there is, never more.
///
/// Sleeping. A side that finds nothing to do announces itself (waiter_, producer_waits_), and then
/// looks once more at the other's position; a side that has told its position looks whether the
/// other has announced itself. Each is a store to one variable and then a load of another, all
/// sequentially consistent: in their single order one of the two stores comes first, and the load
/// that follows the other store sees it. So the sleeper sees the movement or the mover the sleeper.
/// (The consumer looks only when half of the ring is free, or when it has taken all that it knows of;
/// it never sleeps without having done the latter after its last item.)
/// Both may see; then an exchange decides who has the announcement. It needs no order but that of its
/// own variable, except that who takes a OneShotEvent must find it constructed.
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

    /// Only if it is not full.
    void push(T&& item) {
        cells_[write_index_].emplace(std::move(item));
        write_index_ = next(write_index_);
        written_.store(++written_local_, std::memory_order_seq_cst);
        wake_consumer();
    }

    /// No more items.
    void close() noexcept {
        closed_.store(true, std::memory_order_seq_cst);
        wake_consumer();
    }

    /// Announces that the producer waits for room; false if there is some by now. After true, the
    /// consumer's must_wake_producer() says when to look again. It may say so too early: a consumer
    /// that was slow after a pop finds the announcement that the producer made since.
    bool producer_waits() noexcept {
        producer_waits_.store(true, std::memory_order_seq_cst);
        if (is_full())
            return true;
        // The consumer may have taken the announcement, and will say so: then it counts as waiting.
        return !producer_waits_.exchange(false, std::memory_order_relaxed);
    }

    // The consumer's side.

    /// Into an empty item. False if there is nothing now.
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
        if (read_local_ - read_told_ >= batch_ || read_local_ == written_seen_) {
            read_told_ = read_local_;
            read_.store(read_local_, std::memory_order_seq_cst);
        }
        return true;
    }

    /// After a pop: whether the producer waits for room, and half of it is free again, so that it is
    /// worth waking. The caller must then let it go on.
    bool must_wake_producer() noexcept {
        if (read_told_ != read_local_)
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

    /// After this nothing is pushed any more; what was before is there to see.
    bool is_closed() const noexcept { return closed_.load(std::memory_order_seq_cst); }

    /// Waits, by means of `block`, until there is an item or the end: then the word is set.
    template <class Block>
    void wait_for_item(OneShotEvent& word, Block block) {
        waiter_.store(&word, std::memory_order_seq_cst);
        // Taking the announcement back can fail: the producer has it, and is about to set the word.
        if ((has_items() || is_closed()) &&
            waiter_.exchange(nullptr, std::memory_order_relaxed) == &word)
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
        if (OneShotEvent* const word = waiter_.exchange(nullptr, std::memory_order_acquire))
            word->set();
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

    // The producer's own.
    alignas(cache_line) std::size_t written_local_ = 0;
    std::size_t write_index_ = 0;
    std::size_t read_seen_ = 0;

    // The consumer's own.
    alignas(cache_line) std::size_t read_local_ = 0;
    std::size_t read_told_ = 0;
    std::size_t read_index_ = 0;
    std::size_t written_seen_ = 0;
    std::size_t woken_at_ = 0;
};

}  // namespace syncopate::detail
