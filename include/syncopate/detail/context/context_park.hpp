// ContextPark: where the task of an open context is suspended until the context is to be left.
#pragma once

#include <syncopate/detail/loop/suspension.hpp>

#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// It has all that the wait needs before the context is entered: a context that has been entered must be left,
/// also where no memory and no descriptor is left, as a timer would need. Used on the loop.
class ContextPark final : public Suspension {
public:
    using Suspension::Suspension;

    /// Has the task go on soon, if it waits.
    void unpark() noexcept {
        if (std::exchange(is_waiting_, false))
            resume_soon();
    }

private:
    void begin() noexcept override { is_waiting_ = true; }
    void cancelled() noexcept override {}
    std::string description() const override { return "the end of its scope"; }
    bool is_released() noexcept override {
        is_waiting_ = false;
        return true;
    }

    bool is_waiting_ = false;
};

}  // namespace syncopate::inline v0_1::detail
