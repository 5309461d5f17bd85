// BlockingOperations: the former name of RunnerBase.
#pragma once

#include <syncopate/runner_base.hpp>

namespace syncopate::inline v0_1 {

/// The former name of RunnerBase.
using BlockingOperations = RunnerBase;

}  // namespace syncopate::inline v0_1
