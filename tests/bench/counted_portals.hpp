// The work of `counted` that goes through a BlockingPortal.
//
// It is a unit of its own: how far GCC inlines depends on what else a unit contains, and in one with these rows the others
// took up to a fifth more instructions.
#pragma once

namespace bench {

void portal_call(int count);
void portal_of_strand(int count);

}  // namespace bench
