# Writes the version script OUT: of what ARCHIVES define, a library exports the names dg_…, but not
# the internals dg_x__y. Version names tell libdaogou's dg_err_set from libdaogou-artifact's.
execute_process(COMMAND ${NM} --defined-only --extern-only --format=posix ${ARCHIVES}
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "\ndg_[A-Za-z0-9_]+" names "${symbols}")
list(TRANSFORM names STRIP)
list(FILTER names EXCLUDE REGEX "__")
list(SORT names)
list(JOIN names ";\n    " names)
file(WRITE ${OUT} "${NODE} {\n  global:\n    ${names};\n  local:\n    *;\n};\n")
