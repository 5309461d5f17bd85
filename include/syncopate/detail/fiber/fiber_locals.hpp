// FiberLocals: what belongs to a stack, and is kept with the thread: exceptions, context variables, the library's own.
#pragma once

#include <syncopate/detail/cancellation/cancel_request.hpp>
#include <syncopate/detail/task/nesting.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include <utility>

#include <cxxabi.h>

namespace syncopate::inline v0_1::detail {

/// Holds what belongs to the stack that does not run: to the fiber's while the fiber is suspended, otherwise to that
/// of the code which resumed it.
class FiberLocals {
public:
    /// The fiber begins with no exceptions, and with the context variables of its task, or values of its own where the
    /// task has none. Throws: std::bad_alloc.
    FiberLocals() {
        values_ = CurrentValues::of_this_task();
        if (!values_ && CurrentValues::are_used()) {
            own_values_ = CurrentValues::of_new_task();
            values_ = own_values_.get();
        }
    }
    FiberLocals(FiberLocals const&) = delete;
    FiberLocals& operator=(FiberLocals const&) = delete;

    /// On the thread that goes on with the other stack.
    [[gnu::noinline]] void exchange() noexcept {
        // The compiler may take the place for the same in all of a function, and a fiber may change its thread.
        std::swap(*reinterpret_cast<Exceptions*>(abi::__cxa_get_globals()), exceptions_);
        std::swap(Nesting::depth(), nesting_);
        std::swap(*CancelRequest::delivering(), delivering_);
        values_ = CurrentValues::exchange_task(values_);
    }

private:
    /// As the ABI lays it out: the exceptions that are being handled, and how many are on their way.
    struct Exceptions {
        void* caught = nullptr;
        unsigned uncaught = 0;
#ifdef __ARM_EABI_UNWINDER__
        void* propagating = nullptr;
#endif
    };

    Exceptions exceptions_;
    int nesting_ = 0;
    CancelRequest::Repetition* delivering_ = nullptr;
    TaskValuesPointer own_values_;
    TaskValues* values_;
};

}  // namespace syncopate::inline v0_1::detail
