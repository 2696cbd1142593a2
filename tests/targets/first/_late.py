WHO = 'late first'
