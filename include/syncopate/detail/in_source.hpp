// Included by the one unit that compiles the functions which are no templates.
#pragma once

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#ifdef SYNCOPATE_DECL
#error                                                                                             \
    "syncopate: define SYNCOPATE_SEPARATE_COMPILATION for the whole program, or include <syncopate/src.hpp> first"
#endif
#define SYNCOPATE_SEPARATE_COMPILATION
#endif
