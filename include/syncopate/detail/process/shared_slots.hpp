// SharedSlots: the memory that the workers of a ProcessServer share with those who give them calls. TakenSlot: one
// worker's part of it.
#pragma once

#include <syncopate/detail/process/process_protocol.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

#include <sys/mman.h>

namespace syncopate::inline v0_1::detail {

class TakenSlot;

class SharedSlots {
public:
    static constexpr std::size_t count = 1024;

    SharedSlots() {
        void* const memory = ::mmap(
            nullptr, count * sizeof(WorkerSlot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
            -1, 0);
        if (memory == MAP_FAILED)
            throw std::system_error(errno, std::system_category(), "mmap");
        first_ = static_cast<WorkerSlot*>(memory);
    }
    SharedSlots(SharedSlots const&) = delete;
    SharedSlots& operator=(SharedSlots const&) = delete;
    ~SharedSlots() { ::munmap(first_, count * sizeof(WorkerSlot)); }

    WorkerSlot* first() const noexcept { return first_; }

    /// A free one, empty. Throws: std::system_error if all are taken.
    TakenSlot take();

private:
    friend class TakenSlot;

    void give_back(std::uint32_t number) noexcept {
        std::lock_guard const lock(mutex_);
        is_taken_[number] = false;
    }

    WorkerSlot* first_ = nullptr;
    std::mutex mutex_;
    bool is_taken_[count] = {};
};

/// Gives it back when it is destroyed, which is before the SharedSlots are.
class TakenSlot {
public:
    TakenSlot(SharedSlots& all, std::uint32_t number) noexcept : all_(&all), number_(number) {}
    TakenSlot(TakenSlot&& other) noexcept
        : all_(std::exchange(other.all_, nullptr)), number_(other.number_) {}
    TakenSlot& operator=(TakenSlot&&) = delete;
    ~TakenSlot() {
        if (all_)
            all_->give_back(number_);
    }

    std::uint32_t number() const noexcept { return number_; }
    WorkerSlot& operator*() const noexcept { return all_->first()[number_]; }
    WorkerSlot* operator->() const noexcept { return &**this; }

private:
    SharedSlots* all_;
    std::uint32_t number_;
};

inline TakenSlot SharedSlots::take() {
    std::lock_guard const lock(mutex_);
    for (std::uint32_t i = 0; i < count; ++i) {
        if (is_taken_[i])
            continue;
        is_taken_[i] = true;
        new (first_ + i) WorkerSlot();
        return {*this, i};
    }
    throw std::system_error(
        std::make_error_code(std::errc::resource_unavailable_try_again),
        "too many worker processes");
}

}  // namespace syncopate::inline v0_1::detail
