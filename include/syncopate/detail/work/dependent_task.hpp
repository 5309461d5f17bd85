// DependentTask: a task that the function of some work runs on the loop, and that is cancelled with the work.
#pragma once

namespace syncopate::inline v0_1::detail {

class DependentTask {
public:
    /// On the loop.
    virtual void cancel() noexcept = 0;

protected:
    ~DependentTask() = default;
};

}  // namespace syncopate::inline v0_1::detail
