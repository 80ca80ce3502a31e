# SPDX-License-Identifier: MIT
# Runs PROGRAM --tsv into FILE, and PYTHON's SCRIPT --outcomes on it: verdicts and witnesses are those of docs/equations.
execute_process(COMMAND ${PROGRAM} --tsv OUTPUT_FILE ${FILE} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PYTHON} ${SCRIPT} --outcomes ${FILE} COMMAND_ERROR_IS_FATAL ANY)
