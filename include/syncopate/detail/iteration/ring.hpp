// Ring: a bounded queue between one producer and one consumer, each of which may wait for the other. It takes
// memory for the items that wait, not for those that may.
#pragma once

#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/platform.hpp>

#include <algorithm>
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
///
/// Memory. The cells come in pieces, which are linked in a circle. A producer that has filled its piece goes on
/// to the next one if that is free, and else inserts a new one between. A piece is free when the consumer has
/// published that it has read beyond it: then it has left the piece, and has read the link that leads on, which
/// the producer may change from then on. The link and the end of a piece are the producer's to write; the
/// consumer reads the link after it has acquired the position of an item in the piece behind it.
template <class T, Platform P = SystemPlatform>
class Ring {
    using OneShotEvent = BasicOneShotEvent<P>;

public:
    /// capacity: at least 1.
    explicit Ring(std::size_t capacity)
        : capacity_(capacity), batch_((std::min)(most_in_batch, (capacity - 1) / batches + 1)),
          piece_size_((std::min)(most_in_piece, capacity)), write_piece_(new Piece(piece_size_)),
          read_piece_(write_piece_) {
        write_piece_->next = write_piece_;
        write_cells_ = read_cells_ = write_piece_->cells.get();
    }
    Ring(Ring const&) = delete;
    Ring& operator=(Ring const&) = delete;
    ~Ring() {
        for (Piece* piece = write_piece_->next; piece != write_piece_;)
            delete std::exchange(piece, piece->next);
        delete write_piece_;
    }

    // The producer's side.

    bool is_full() noexcept {
        if (written_local_ - read_seen_ < capacity_)
            return false;
        read_seen_ = read_.load(std::memory_order_seq_cst);
        return written_local_ - read_seen_ == capacity_;
    }

    /// Requires that the ring is not full.
    void push(T&& item) {
        if (write_index_ == piece_size_)
            begin_piece();
        write_cells_[write_index_].emplace(std::move(item));
        ++write_index_;
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
        if (read_index_ == piece_size_) {
            read_piece_ = read_piece_->next;
            read_cells_ = read_piece_->cells.get();
            read_index_ = 0;
        }
        std::optional<T>& cell = read_cells_[read_index_];
        item.emplace(std::move(*cell));
        cell.reset();
        ++read_index_;
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
        if (read_local_ - woken_at_ < capacity_ - capacity_ / 2 && read_local_ != written_seen_)
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
    ///
    /// block:   returns whether the event was set; if not, it has given up waiting.
    /// Returns: false if block has given up, and nothing has come meanwhile.
    template <class Block>
    bool wait_for_item(OneShotEvent& event, Block block) {
        waiter_.store(&event, std::memory_order_seq_cst);
        if ((has_items() || is_closed()) && takes_back(event))
            return true;
        if (block())
            return true;
        if (takes_back(event))
            return false;
        while (!event.is_set()) {
            event.wait();
            event.take_notification();
        }
        return true;
    }

private:
    struct Piece {
        explicit Piece(std::size_t size) : cells(std::make_unique<std::optional<T>[]>(size)) {}

        std::unique_ptr<std::optional<T>[]> cells;
        Piece* next = nullptr;
        std::size_t end = 0;  // the position behind its last item
    };

    /// Takes the announcement back. If that fails, the producer has it, and is about to set the event.
    bool takes_back(OneShotEvent& event) noexcept {
        return waiter_.exchange(nullptr, std::memory_order_relaxed) == &event;
    }

    /// Throws: std::bad_alloc; then nothing has changed.
    void begin_piece() {
        Piece& full = *write_piece_;
        if (!is_free(*full.next)) {
            auto added = std::make_unique<Piece>(piece_size_);
            added->next = full.next;
            full.next = added.release();
        }
        full.end = written_local_;
        write_piece_ = full.next;
        write_cells_ = write_piece_->cells.get();
        write_index_ = 0;
    }

    bool is_free(Piece const& piece) noexcept {
        if (&piece == write_piece_)
            return false;
        if (read_seen_ <= piece.end)
            read_seen_ = read_.load(std::memory_order_seq_cst);
        return read_seen_ > piece.end;
    }

    void wake_consumer() noexcept {
        if (waiter_.load(std::memory_order_seq_cst) == nullptr)
            return;
        if (OneShotEvent* const event = waiter_.exchange(nullptr, std::memory_order_acquire))
            event->set();
    }

    static constexpr std::size_t batches = 8;
    static constexpr std::size_t most_in_batch = 1024;
    static constexpr std::size_t most_in_piece = (std::clamp)(
        std::size_t(16384) / sizeof(std::optional<T>), std::size_t(1), std::size_t(256));

    std::size_t const capacity_;
    std::size_t const batch_;
    std::size_t const piece_size_;

    alignas(cache_line) Atomic<P, std::size_t> written_{0};
    Atomic<P, bool> closed_{false};
    alignas(cache_line) Atomic<P, std::size_t> read_{0};
    alignas(cache_line) Atomic<P, OneShotEvent*> waiter_{nullptr};
    Atomic<P, bool> producer_waits_{false};

    // Used by the producer only.
    alignas(cache_line) std::size_t written_local_ = 0;
    std::optional<T>* write_cells_;
    std::size_t write_index_ = 0;
    Piece* write_piece_;
    std::size_t read_seen_ = 0;

    // Used by the consumer only.
    alignas(cache_line) std::size_t read_local_ = 0;
    std::size_t read_published_ = 0;
    std::optional<T>* read_cells_;
    std::size_t read_index_ = 0;
    Piece* read_piece_;
    std::size_t written_seen_ = 0;
    std::size_t woken_at_ = 0;
};

}  // namespace syncopate::inline v0_1::detail
