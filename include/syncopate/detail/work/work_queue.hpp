// WorkQueue: work that no thread has taken yet, first in, first out.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/work/work.hpp>

namespace syncopate::inline v0_1::detail {

using WorkPointer = IntrusivePointer<Work>;

/// Shares the ownership of the work in it, and allocates nothing. Not thread-safe.
class WorkQueue {
public:
    void push(Work& work) noexcept {
        intrusive_ptr_add_ref(&work);
        works_.push_back(work);
    }

    /// The oldest; null if there is none.
    WorkPointer take() noexcept {
        if (works_.empty())
            return nullptr;
        return take(works_.front());
    }

    /// The oldest, which stays; null if there is none.
    Work* oldest() noexcept { return works_.empty() ? nullptr : &works_.front(); }

    /// Returns whether the work was in the queue.
    bool remove(Work& work) noexcept { return link_of(work).is_linked() && take(work); }

    static bool contains(Work const& work) noexcept {
        return static_cast<ListHook<Work> const&>(work).is_linked();
    }
    bool empty() const noexcept { return works_.empty(); }

    template <class F>
    void for_each(F f) const {
        works_.for_each(f);
    }

private:
    static ListHook<Work>& link_of(Work& work) noexcept { return work; }

    static WorkPointer take(Work& work) noexcept {
        link_of(work).unlink();
        return {&work, false};
    }

    mutable IntrusiveList<Work> works_;
};

}  // namespace syncopate::inline v0_1::detail
