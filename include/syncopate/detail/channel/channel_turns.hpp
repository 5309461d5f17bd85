// ChannelTurns: who may send to a channel, and who may receive, in which order. ChannelWaiter: one who waits for that.
// ChannelShare: what one side may do without asking.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>

#include <cstddef>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A thread or a coroutine that waits for room in a channel, or for an item.
class ChannelWaiter : public ListHook<ChannelWaiter> {
public:
    enum class Side { sender, receiver };
    /// granted: a place, or an item, is kept for it. ended: the channel is closed, and for a receiver empty.
    enum class State { fresh, waiting, granted, ended, withdrawn };

    explicit ChannelWaiter(Side side) noexcept : side_(side) {}

    Side side() const noexcept { return side_; }
    /// Under the channel's lock, or by the waiter itself once it has been woken.
    State state() const noexcept { return state_; }

    /// Has it go on. Without the lock, once, after its state has changed from waiting to another.
    virtual void wake() noexcept = 0;

protected:
    ~ChannelWaiter() = default;

private:
    friend class ChannelTurns;

    Side const side_;
    State state_ = State::fresh;
};

/// So many places, or items, which one side of a channel may use up without looking at the other side.
class ChannelShare {
public:
    bool is_empty() const noexcept { return left_ == 0; }
    void use_one() noexcept { --left_; }

private:
    friend class ChannelTurns;

    std::size_t given_ = 0;
    std::size_t left_ = 0;
};

/// Under the locks of both sides. Nothing of the items is known here but their number.
///
/// As long as nobody waits, each side has a share: the senders of the places that are free, the receivers of the items
/// that stand in front. collect() comes first, and sees what has been used of the shares; hand_out() comes last.
///
/// Whoever waits is granted what it waits for in its turn, and takes it when it goes on. So what is granted is still
/// in the channel: a waiter that is cancelled by then gives it up, and the next one gets it. Nothing is lost, and
/// nobody who comes later overtakes.
///
/// As long as anybody waits for an item, there is none that is not kept for somebody; the same for room.
class ChannelTurns {
public:
    using Waiters = IntrusiveList<ChannelWaiter>;
    using Side = ChannelWaiter::Side;
    using State = ChannelWaiter::State;

    explicit ChannelTurns(std::size_t capacity) noexcept : capacity_(capacity) {}

    bool is_closed() const noexcept { return is_closed_; }
    std::size_t capacity() const noexcept { return capacity_; }
    std::size_t items() const noexcept { return items_; }

    /// How many more could be sent at once. Zero as long as anybody waits for room.
    std::size_t places() const noexcept { return capacity_ - items_ - kept_places_; }
    bool may_send() const noexcept { return !is_closed_ && places() != 0; }
    bool may_receive() const noexcept { return items_ > kept_items_; }
    /// How many places, or items, are there that are kept for nobody.
    std::size_t free(Side side) const noexcept {
        return side == Side::sender ? places() : items_ - kept_items_;
    }
    /// Whether there will never be an item again.
    bool is_drained() const noexcept { return is_closed_ && items_ == 0; }

    void collect(ChannelShare& places, ChannelShare& items) noexcept {
        auto const sent = std::exchange(places, {});
        auto const received = std::exchange(items, {});
        items_ += sent.given_ - sent.left_;
        items_ -= received.given_ - received.left_;
        in_front_ -= received.given_ - received.left_;
    }
    void hand_out(ChannelShare& places, ChannelShare& items) const noexcept {
        if (receivers_.empty() && !is_closed_)
            places.given_ = places.left_ = this->places();
        if (senders_.empty() && in_front_ > kept_items_)
            items.given_ = items.left_ = in_front_ - kept_items_;
    }

    /// All items stand in front now: receivers take them without the senders' lock.
    void moved_to_front() noexcept { in_front_ = items_; }

    // Each of these adds to `woken` those that are to be woken once the lock has been released.

    /// An item has been put into the channel.
    void added(Waiters& woken) noexcept {
        ++items_;
        grant_item(woken);
    }
    /// The same, by a sender who was granted room.
    void added_by_granted(Waiters& woken) noexcept {
        --kept_places_;
        added(woken);
    }
    /// An item has been taken out.
    void taken(Waiters& woken) noexcept {
        --items_;
        --in_front_;
        grant_place(woken);
        if (is_drained())
            end(receivers_, woken);
    }
    /// The same, by a receiver who was granted it.
    void taken_by_granted(Waiters& woken) noexcept {
        --kept_items_;
        taken(woken);
    }

    /// The waiter begins to wait, unless it need not.
    void enter(ChannelWaiter& waiter, Waiters& woken) noexcept {
        bool const is_sender = waiter.side_ == Side::sender;
        waiter.state_ = State::waiting;
        if (is_sender ? is_closed_ : is_drained())
            return settle(waiter, State::ended, woken);
        auto& waiters = is_sender ? senders_ : receivers_;
        waiters.push_back(waiter);
        if (is_sender)
            grant_place(woken);
        else
            grant_item(woken);
    }

    /// The waiter goes without what it has waited for. Returns whether it was waiting: else it is being woken.
    bool leave(ChannelWaiter& waiter, Waiters& woken) noexcept {
        if (waiter.state_ == State::waiting) {
            waiter.unlink();
            waiter.state_ = State::withdrawn;
            return true;
        }
        if (waiter.state_ == State::granted) {
            waiter.state_ = State::withdrawn;
            give_up(waiter.side_, woken);
        }
        return false;
    }

    /// Somebody who was granted something does not take it.
    void give_up(Side side, Waiters& woken) noexcept {
        if (side == Side::sender) {
            --kept_places_;
            grant_place(woken);
        } else {
            --kept_items_;
            grant_item(woken);
        }
    }

    /// For one who does not wait: keeps a place that is free.
    void keep_place() noexcept { ++kept_places_; }

    void close(Waiters& woken) noexcept {
        is_closed_ = true;
        end(senders_, woken);
        if (is_drained())
            end(receivers_, woken);
    }

private:
    static void settle(ChannelWaiter& waiter, State state, Waiters& woken) noexcept {
        waiter.unlink();
        waiter.state_ = state;
        woken.push_back(waiter);
    }

    void grant_item(Waiters& woken) noexcept {
        if (receivers_.empty() || !may_receive())
            return;
        ++kept_items_;
        settle(receivers_.front(), State::granted, woken);
    }
    void grant_place(Waiters& woken) noexcept {
        if (senders_.empty() || !may_send())
            return;
        ++kept_places_;
        settle(senders_.front(), State::granted, woken);
    }
    static void end(Waiters& waiters, Waiters& woken) noexcept {
        while (!waiters.empty())
            settle(waiters.front(), State::ended, woken);
    }

    std::size_t const capacity_;
    std::size_t items_ = 0;
    std::size_t in_front_ = 0;     // of those, in the receivers' queue
    std::size_t kept_items_ = 0;   // of those, for receivers that have been woken
    std::size_t kept_places_ = 0;  // for senders that have been woken
    bool is_closed_ = false;
    Waiters senders_;
    Waiters receivers_;
};

}  // namespace syncopate::inline v0_1::detail
