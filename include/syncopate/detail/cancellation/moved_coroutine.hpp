// MovedStep, HeldStill: a coroutine that bind_executor has moved to other threads is not cancelled while it runs there.
#pragma once

#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/system/forks.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>

namespace syncopate::inline v0_1::detail {

class CoroutineNote;

/// The notes of some coroutines.
struct CoroutineNotes {
    std::atomic<unsigned> holder{0};  // the process that has locked them
    unsigned process = 0;             // whose notes these are
    CoroutineNote* first = nullptr;
};

/// A coroutine is cancelled on its loop. One whose completion handler has an executor of its own is resumed on a thread
/// of that, and touches there what the cancellation touches: its state, and the slot of what it awaits. So such a
/// handler notes that it runs, and who cancels asks first, and keeps it from beginning meanwhile. That is done in
/// <syncopate/detail/cancellation/moved_handler.hpp>.
///
/// A note lies on the stack of the thread that makes it, so nothing here can fail. While no handler of a coroutine ever
/// had an executor of its own, nobody looks.
///
/// Memory order. The notes are read and written under a lock. So what a step does is seen by who cancels after it, and
/// what the cancellation has done by a step that begins after it. is_needed_ is set by the thread that initiates the
/// operation. For a coroutine that leaves its loop this is the thread that will cancel it: a relaxed store is enough.
class [[gnu::visibility("default")]] CoroutineNote {
public:
    CoroutineNote(CoroutineNote const&) = delete;
    CoroutineNote& operator=(CoroutineNote const&) = delete;

    /// A completion handler has been given an executor of its own.
    static void be_needed() noexcept {
        if (!is_needed_.load(std::memory_order_relaxed))
            is_needed_.store(true, std::memory_order_relaxed);
    }
    static bool is_needed() noexcept { return is_needed_.load(std::memory_order_relaxed); }

protected:
    enum class Kind : unsigned char { step, request };

    CoroutineNote(CoroutineBottom const* coroutine, Kind kind) noexcept
        : coroutine_(coroutine), kind_(kind), thread_(std::this_thread::get_id()) {}
    ~CoroutineNote() = default;

    void make() noexcept {
        Locked const notes(*this);
        next_ = std::exchange(notes->first, this);
    }

    /// Returns false, and makes no note, if another thread has made one of the other kind for this coroutine.
    bool try_make() noexcept {
        Locked const notes(*this);
        if (has_other(notes))
            return false;
        next_ = std::exchange(notes->first, this);
        return true;
    }

    /// Whether another thread has made a note of the other kind for this coroutine.
    bool has_other() const noexcept { return has_other(Locked(*this)); }

    bool is_of(CoroutineBottom const* coroutine) const noexcept { return coroutine_ == coroutine; }

    void take_back() noexcept {
        Locked const notes(*this);
        // In the child of a fork it may not be there any more.
        for (auto** note = &notes->first; *note; note = &(*note)->next_)
            if (*note == this) {
                *note = next_;
                return;
            }
    }

private:
    /// The lock is held for a few instructions. One that was taken before a fork belongs to a thread that is not there,
    /// as do the notes.
    class Locked {
    public:
        explicit Locked(CoroutineNote const& note) noexcept : notes_(notes_of(note)) {
            auto const process = this_process();
            for (unsigned seen = 0; !notes_.holder.compare_exchange_weak(
                     seen, process, std::memory_order_acquire, std::memory_order_relaxed);)
                if (seen == process) {
                    std::this_thread::yield();
                    seen = 0;
                }
            if (std::exchange(notes_.process, process) != process)
                notes_.first = nullptr;
        }
        Locked(Locked const&) = delete;
        Locked& operator=(Locked const&) = delete;
        ~Locked() { notes_.holder.store(0, std::memory_order_release); }

        CoroutineNotes* operator->() const noexcept { return &notes_; }

    private:
        CoroutineNotes& notes_;
    };

    bool has_other(Locked const& notes) const noexcept {
        for (auto const* note = notes->first; note; note = note->next_)
            if (note->coroutine_ == coroutine_ && note->kind_ != kind_ && note->thread_ != thread_)
                return true;
        return false;
    }

    static CoroutineNotes& notes_of(CoroutineNote const& note) noexcept {
        // Frames lie at multiples of 16, and most often of more.
        auto const address = reinterpret_cast<std::uintptr_t>(note.coroutine_);
        return lists_[(address >> 4U ^ address >> 10U) % list_count];
    }

    static constexpr std::size_t list_count = 64;
    inline static constinit std::array<CoroutineNotes, list_count> lists_{};
    inline static constinit std::atomic<bool> is_needed_{false};

    CoroutineBottom const* const coroutine_;
    Kind const kind_;
    std::thread::id const thread_;
    CoroutineNote* next_ = nullptr;
};

/// While it lives, a handler with an executor of its own runs the coroutine. Waits for a request that is being made.
class [[gnu::visibility("default")]] MovedStep : CoroutineNote {
public:
    explicit MovedStep(CoroutineBottom const* coroutine) noexcept
        : CoroutineNote(coroutine, Kind::step), is_inside_another_(is_running_here(coroutine)),
          outer_(std::exchange(*innermost(), this)) {
        while (!is_inside_another_ && !try_make())
            std::this_thread::yield();
    }
    ~MovedStep() {
        if (!is_inside_another_)
            take_back();
        *innermost() = outer_;
    }

    /// Whether what runs on this thread may have moved here: what is awaited on a loop has to go there first.
    static bool is_here() noexcept { return is_needed() && *innermost(); }

private:
    static bool is_running_here(CoroutineBottom const* coroutine) noexcept {
        auto const* step = *innermost();
        while (step && !step->is_of(coroutine))
            step = step->outer_;
        return step != nullptr;
    }

    [[gnu::noinline]] static MovedStep** innermost() noexcept {
        static thread_local MovedStep* step = nullptr;
        return &step;
    }

    bool const is_inside_another_;  // of this coroutine: the note of that is enough
    MovedStep* const outer_;
};

/// While it lives and is true, no such handler of the coroutine runs on another thread, or begins to. False if one runs
/// and does not end within a moment. None begins in that moment either: a coroutine that hops from handler to handler
/// would never be found still.
class [[nodiscard]] HeldStill : CoroutineNote {
public:
    explicit HeldStill(CoroutineBottom const* coroutine) noexcept
        : CoroutineNote(coroutine, Kind::request), is_noted_(is_needed() && hold()),
          is_still_(is_noted_ || !is_needed()) {}
    ~HeldStill() {
        if (is_noted_)
            take_back();
    }

    explicit operator bool() const noexcept { return is_still_; }

private:
    static constexpr int looks = 64;

    [[gnu::noinline]] bool hold() noexcept {
        make();
        for (int look = 0; look < looks; ++look) {
            if (!has_other())
                return true;
            std::this_thread::yield();
        }
        take_back();
        return false;
    }

    bool const is_noted_;
    bool const is_still_;
};

}  // namespace syncopate::inline v0_1::detail
