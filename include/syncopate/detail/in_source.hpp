// Makes the unit that includes it the one in which what is no template is compiled.
#pragma once

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#ifdef SYNCOPATE_DECL
#error                                                                                             \
    "syncopate: define SYNCOPATE_SEPARATE_COMPILATION for the whole program, or include <syncopate/src.hpp> first"
#endif
#define SYNCOPATE_SEPARATE_COMPILATION
#endif
