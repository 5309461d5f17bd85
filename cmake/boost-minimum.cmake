# The oldest Boost whose Asio has what the library needs. The build, the installed package and the recipes ask here.
set(syncopate_boost_minimum 1.81)
