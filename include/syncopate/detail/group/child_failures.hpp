// ChildFailures: what the children of a nursery have failed with, oldest first.
#pragma once

#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/loop/unhandled.hpp>
#include <syncopate/error.hpp>

#include <cstddef>
#include <exception>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

class ChildFailures {
public:
    void add(std::exception_ptr error) noexcept {
        try {
            failures_.push_back(error);
        } catch (...) {
            if (without_memory_)
                report_unhandled(std::move(error));
            else
                without_memory_ = std::move(error);
        }
    }

    /// Of a child that was destroyed with its frame. Any number of them count as one failure.
    void add_lost() noexcept { has_lost_one_ = true; }
    void forget_lost() noexcept { has_lost_one_ = false; }
    bool has_lost_one() const noexcept { return has_lost_one_; }

    /// Throws: std::bad_alloc, if there is no memory for the last of them now either.
    std::vector<std::exception_ptr> take() {
        if (without_memory_)
            failures_.push_back(std::exchange(without_memory_, nullptr));
        if (has_lost_one_)
            failures_.push_back(error_of(Errc::loop_failed, "a child of the task"));
        return std::exchange(failures_, {});
    }

    /// Throws the first failure, if there is one, and reports the others as unhandled.
    void throw_first() {
        auto const failures = take();
        if (failures.empty())
            return;
        for (std::size_t i = 1; i < failures.size(); ++i)
            report_unhandled(failures[i]);
        std::rethrow_exception(failures.front());
    }

private:
    std::vector<std::exception_ptr> failures_;
    std::exception_ptr without_memory_;  // one that had no room in failures_
    bool has_lost_one_ = false;
};

}  // namespace syncopate::inline v0_1::detail
