// A completion handler of Asio's, of whichever type, kept in place until it is called or dropped.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace syncopate::detail {

/// Holds one handler without arguments at a time. Whoever keeps one calls it or drops it: it owns a
/// suspended coroutine.
class KeptHandler {
public:
    KeptHandler() = default;
    KeptHandler(KeptHandler const&) = delete;
    KeptHandler& operator=(KeptHandler const&) = delete;

    template <class Handler>
    void keep(Handler&& handler) {
        using Kept = std::decay_t<Handler>;
        static_assert(sizeof(Kept) <= sizeof(room_) && alignof(Kept) <= alignof(std::max_align_t));
        new (room_) Kept(std::forward<Handler>(handler));
        take_ = [](std::byte* room, Fate fate) {
            auto* const kept = std::launder(reinterpret_cast<Kept*>(room));
            Kept taken(std::move(*kept));
            std::destroy_at(kept);
            if (fate == Fate::called)
                std::move(taken)();
        };
    }

    /// Calls what is kept, which may keep another one, or destroy this object.
    void call() { std::exchange(take_, nullptr)(room_, Fate::called); }

    /// Destroys what is kept, if anything is, and with it the coroutine.
    void drop() noexcept {
        if (take_)
            std::exchange(take_, nullptr)(room_, Fate::dropped);
    }

private:
    enum class Fate { called, dropped };

    alignas(std::max_align_t) std::byte room_[64];
    void (*take_)(std::byte*, Fate) = nullptr;
};

}  // namespace syncopate::detail
