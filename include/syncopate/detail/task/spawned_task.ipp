// The functions of SpawnedTask.
#pragma once

#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/values/current_values.hpp>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL SpawnedTask::~SpawnedTask() = default;

[[gnu::noinline]] SYNCOPATE_DECL void SpawnedTask::inherit_values() {
    caller_ = new CallerLink(nullptr, CurrentValues::of_new_task());
}

}  // namespace syncopate::inline v0_1::detail
