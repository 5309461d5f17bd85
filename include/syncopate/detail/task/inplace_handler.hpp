// A completion handler of Asio's, of whichever type, kept in place.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace syncopate::detail {

/// Room for one handler, which is empty again before the handler is called or destroyed: either may
/// destroy the room.
class InplaceHandler {
public:
    InplaceHandler() = default;
    InplaceHandler(InplaceHandler const&) = delete;
    InplaceHandler& operator=(InplaceHandler const&) = delete;
    ~InplaceHandler() { drop(); }

    explicit operator bool() const noexcept { return take_ != nullptr; }

    /// Only if it is empty.
    template <class Handler>
    void keep(Handler&& handler) noexcept {
        using Kept = std::decay_t<Handler>;
        static_assert(sizeof(Kept) <= sizeof(room_) && alignof(Kept) <= alignof(std::max_align_t));
        static_assert(std::is_nothrow_constructible_v<Kept, Handler>);
        new (room_) Kept(std::forward<Handler>(handler));
        take_ = [](std::byte* room, After after) {
            auto* const kept = std::launder(reinterpret_cast<Kept*>(room));
            Kept taken(std::move(*kept));
            std::destroy_at(kept);
            if (after == After::call)
                std::move(taken)();
        };
    }
    /// Calls what is kept.
    void call() { std::exchange(take_, nullptr)(room_, After::call); }

    /// Destroys what is kept, if there is anything.
    void drop() noexcept {
        if (take_)
            std::exchange(take_, nullptr)(room_, After::nothing);
    }

private:
    enum class After { call, nothing };

    alignas(std::max_align_t) std::byte room_[64];
    void (*take_)(std::byte*, After) = nullptr;
};

}  // namespace syncopate::detail
