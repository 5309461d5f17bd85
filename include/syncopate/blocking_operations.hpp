// BlockingOperations: the former name of RunnerBase.
#pragma once

#include <syncopate/runner_base.hpp>

namespace syncopate {

using BlockingOperations = RunnerBase;

}  // namespace syncopate
