// The work of `counted` that goes from one thread to another and back inside a call, and tasks that wait in between.
//
// It is a unit of its own, for the reason in counted_portals.hpp.
#pragma once

namespace bench {

void own_thread_awaits(int count);
void own_thread_awaits_plain(int count);
void from_thread_run(int count);
void from_thread_call(int count);
void calling_thread(int count);
void timer_in_task(int count);
void timer_plain(int count);

}  // namespace bench
