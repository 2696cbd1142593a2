WHO = 'late second'
