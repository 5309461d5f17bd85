// keep_for_ever(): keeps what must be neither used nor destroyed any more.
#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// What is kept is never destroyed. It stays where a leak detector finds it.
class [[gnu::visibility("default")]] KeptForEver {
public:
    template <class T>
    static void add(T object) noexcept {
        auto* const node = new (std::nothrow) Node<T>(std::move(object));
        if (!node)  // NOLINTNEXTLINE(bugprone-use-after-move): nothing was made of it
            return leave(object);
        node->next = newest.load(std::memory_order_relaxed);
        while (!newest.compare_exchange_weak(
            node->next, node, std::memory_order_release, std::memory_order_relaxed)) {
        }
    }

private:
    struct Link {
        Link* next = nullptr;
    };
    template <class T>
    struct Node : Link {
        explicit Node(T&& its_object) noexcept : object(std::move(its_object)) {}
        T object;
    };

    /// Without memory: moves it to where no destructor follows.
    template <class T>
    static void leave(T& object) noexcept {
        union Place {
            Place() noexcept {}
            ~Place() {}
            T object;
        } place;
        new (&place.object) T(std::move(object));
    }

    inline static constinit std::atomic<Link*> newest{nullptr};
};

/// For what others may still refer to: callers that have gone, threads that a fork has not copied.
template <class T>
void keep_for_ever(T object) noexcept {
    KeptForEver::add(std::move(object));
}

}  // namespace syncopate::inline v0_1::detail
