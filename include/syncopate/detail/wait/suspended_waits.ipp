// The functions of SuspendedWaits.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/separate.hpp>

#include <exception>
#include <mutex>

namespace syncopate::inline v0_1::detail {

[[gnu::noinline]] SYNCOPATE_DECL SuspendedWaits::Woken SuspendedWaits::wake_listed(
    void const* address) noexcept {
    IntrusiveList<SuspendedWait> woken;
    auto result = Woken::not_the_threads;
    try {
        auto& bucket = bucket_of(address);
        std::lock_guard const lock(bucket.mutex);
        bucket.waits.for_each([&](SuspendedWait& wait) {
            if (wait.address_ != address)
                return;
            wait.unlink();
            wait.is_listed_ = false;
            wait.keep();
            woken.push_back(wait);
            if (wait.others_ == SuspendedWait::Others::none)
                result = Woken::all;
        });
    } catch (std::exception const&) {
        return result;  // the child of a fork, without memory: nothing is suspended there
    }
    while (!woken.empty()) {
        SuspendedWait& wait = woken.front();
        wait.unlink();
        wait.go_on();
    }
    return result;
}

}  // namespace syncopate::inline v0_1::detail
