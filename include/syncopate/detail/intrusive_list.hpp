// IntrusiveList: a list of objects that carry their own links, the ListHooks, so that it allocates nothing.
#pragma once

#include <utility>

namespace syncopate::inline v0_1::detail {

/// Derive from it to be listed, in one list at a time for each Tag.
template <class Tag>
class ListHook {
public:
    ListHook() = default;
    ListHook(ListHook const&) = delete;
    ListHook& operator=(ListHook const&) = delete;

    bool is_linked() const noexcept { return next_ != nullptr; }

    /// Leaves the list; nothing if it is in none.
    void unlink() noexcept {
        if (!is_linked())
            return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        previous_ = next_ = nullptr;
    }

protected:
    ~ListHook() = default;

private:
    template <class T, class OtherTag>
    friend class IntrusiveList;

    ListHook* previous_ = nullptr;
    ListHook* next_ = nullptr;
};

/// The hooks of the items and the list's own form a ring. Not thread-safe.
template <class T, class Tag = T>
class IntrusiveList {
    using Hook = ListHook<Tag>;
    struct Root : Hook {};

public:
    constexpr IntrusiveList() noexcept { root_.previous_ = root_.next_ = &root_; }
    IntrusiveList(IntrusiveList const&) = delete;
    IntrusiveList& operator=(IntrusiveList const&) = delete;

    bool empty() const noexcept { return root_.next_ == &root_; }
    T& front() noexcept { return static_cast<T&>(*root_.next_); }
    T& back() noexcept { return static_cast<T&>(*root_.previous_); }

    void push_back(T& item) noexcept {
        Hook& hook = item;
        hook.previous_ = std::exchange(root_.previous_, &hook);
        hook.next_ = &root_;
        hook.previous_->next_ = &hook;
    }

    void push_front(T& item) noexcept {
        Hook& hook = item;
        hook.next_ = std::exchange(root_.next_, &hook);
        hook.previous_ = &root_;
        hook.next_->previous_ = &hook;
    }

    /// Calls f for each, oldest first. f may unlink the item that it is given.
    template <class F>
    void for_each(F f) {
        for (Hook* hook = root_.next_; hook != &root_;)
            f(static_cast<T&>(*std::exchange(hook, hook->next_)));
    }

private:
    Root root_;
};

}  // namespace syncopate::inline v0_1::detail
