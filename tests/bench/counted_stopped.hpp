// The work of `counted` that is asked to stop.
//
// It is a unit of its own, for the reason in counted_portals.hpp: here an exception passes each frame that is not inlined.
#pragma once

namespace bench {

void stopped_call(int count);

}  // namespace bench
